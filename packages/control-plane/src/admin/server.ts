import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { SallyportError } from '@sallyport/shared/errors';
import { newId } from '@sallyport/shared/ids';
import type { Log } from '@sallyport/shared/log';
import fastify, { type FastifyRequest } from 'fastify';
import type { TlsPair } from '../config.ts';
import type { AdminApp, AdminContext } from './context.ts';
import { authenticate } from './http/authenticate.ts';
import { bodyBytesMax, parseBody } from './http/body.ts';
import { sendProblem } from './http/errors.ts';
import { gate, hostsOf } from './http/gate.ts';
import { knownMethods } from './http/methods.ts';
import { completeSchema, openApiOptions } from './http/openapi.ts';
import { notFound } from './http/problems.ts';
import { convertQuery } from './http/query.ts';
import { routeNameOf } from './http/route-name.ts';
import { adminTls } from './http/tls.ts';
import { resources } from './resources.ts';

/**
 * The admin API on an HTTPS listener of its own. Every request goes through the hooks below in
 * their order: gate, who asks and may they, query, schema. Routes are in `resources`.
 */
export async function createAdminServer(context: AdminContext, tls: TlsPair): Promise<AdminApp> {
  const { database, clock, log } = context;
  const app = fastify<Server>({
    https: adminTls(tls),
    logger: false,
    genReqId: () => newId('req'),
    requestIdHeader: false,
    trustProxy: false,
    bodyLimit: bodyBytesMax,
    exposeHeadRoutes: false,
    keepAliveTimeout: 10_000,
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
    maxRequestsPerSocket: 1_000,
    return503OnClosing: true,
    routerOptions: {
      caseSensitive: true,
      ignoreTrailingSlash: false,
      ignoreDuplicateSlashes: false,
    },
    ajv: {
      customOptions: {
        allErrors: true,
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: false,
        discriminator: true,
      },
    },
    // The reply is thenable; Fastify waits for nothing here.
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply, log),
    clientErrorHandler: (_error, socket) => closeNonsense(socket),
  }).withTypeProvider<TypeBoxTypeProvider>() as unknown as AdminApp;
  limitConnections(app.server as Server, log);

  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: FastifyRequest, body: Buffer) => parseBody(body),
  );
  // What goes out is what presenters made; schemas of answers are documentation and tested as such.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, log));

  const methods = knownMethods();
  app.addHook('onRoute', (route) => {
    if (route.config?.permission === undefined) throw new Error(`${route.url}: no permission`);
    route.schema = completeSchema(route);
    methods.note(route.method, route.url);
  });
  app.setNotFoundHandler((request, reply) => {
    const allowed = methods.at(request.url.split('?')[0] ?? '');
    if (allowed.length === 0) throw notFound();
    reply.header('Allow', allowed.join(', '));
    throw new SallyportError('method_not_allowed', `this resource takes ${allowed.join(', ')}`);
  });

  app.decorateRequest('principal', null);
  const isOurHost = hostsOf(tls.certificate);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'Sallyport-Request-Id': request.id,
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
    });
    gate(request, isOurHost);
    if (!request.is404) await authenticate(request, database, clock());
  });
  app.addHook('preValidation', async (request) => convertQuery(request));
  app.addHook('onResponse', async (request, reply) => {
    const { method, id: requestId, principal } = request;
    const route = routeNameOf(request);
    const { statusCode: status, elapsedTime: tookMs } = reply;
    context.metrics.observe(method, route, status, tookMs);
    const actor = principal?.id ?? null;
    log.info('admin.request', { requestId, method, route, status, actor, tookMs });
  });

  await app.register(swagger, openApiOptions);
  app.get('/openapi.json', { config: { permission: 'public' }, schema: { hide: true } }, async () =>
    app.swagger(),
  );
  for (const register of resources) register(app, context);
  await app.ready();
  return app;
}

const connectionsMax = 1_000;

function limitConnections(server: Server, log: Log): void {
  server.maxConnections = connectionsMax;
  // Any other limit would hide headers from us that still frame the body; the gate counts them.
  server.maxHeadersCount = 0;
  server.on('tlsClientError', (error) => log.debug('admin.tls_refused', { error }));
}

/** A client that does not speak HTTP gets one line and no more. */
function closeNonsense(socket: Socket): void {
  if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
  socket.destroySoon();
}
