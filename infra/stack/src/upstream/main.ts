/**
 * The demo application, a process of its own: it believes the assertion and nothing else, and shows
 * who it thinks you are. Certificate and key files and the authority of the edges' upstream
 * certificates come as arguments; the parent says over the channel whom to believe.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { type WebSocket, WebSocketServer } from 'ws';
import { pageHeaders } from '../page.ts';
import { createIdentifier, type Trust } from './identity.ts';
import { type Visit, visitPage } from './page.ts';
import { sendEvents, sendFile, weigh } from './streams.ts';

const [certificate = '', key = '', edgeAuthority = ''] = process.argv.slice(2);
const streamSecondsMax = 600;
const messageBytesMax = 64 * 1024;

let identify: ReturnType<typeof createIdentifier> | null = null;

const server = createServer(
  {
    cert: readFileSync(certificate),
    key: readFileSync(key),
    minVersion: 'TLSv1.2',
    // A real application would refuse whoever is not an edge; this one tells what it sees.
    ca: readFileSync(edgeAuthority),
    requestCert: true,
    rejectUnauthorized: false,
  },
  (request, response) => {
    answer(request, response).catch((error: unknown) => {
      // The client has gone, which is its own affair.
      if (response.destroyed) return;
      console.error('request failed', error);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  },
);
const sockets = new WebSocketServer({ noServer: true, maxPayload: messageBytesMax });

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const visit = await look(request);
  const { pathname, searchParams } = new URL(visit.path, 'https://upstream.localhost');
  if (pathname === '/upload') {
    json(response, { ...visit, ...(await weigh(request)) });
  } else if (pathname === '/file') {
    await sendFile(request, response, Number(searchParams.get('bytes') ?? 1024));
  } else if (pathname === '/events') {
    await sendEvents(request, response);
  } else if (pathname === '/stream') {
    const seconds = Math.min(Number(searchParams.get('seconds') ?? 30), streamSecondsMax);
    await stream(response, seconds);
  } else if (pathname === '/headers') {
    json(response, { headers: request.headers });
  } else if (request.headers.accept?.includes('text/html')) {
    response.writeHead(visit.identity === null ? 401 : 200, pageHeaders);
    response.end(request.method === 'HEAD' ? '' : visitPage(visit));
  } else {
    json(response, visit, visit.identity === null ? 401 : 200);
  }
}

async function look(request: IncomingMessage): Promise<Visit> {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  const who =
    identify === null
      ? ({ ok: false, problem: 'not set up yet' } as const)
      : await identify(host, request.headers);
  const requestId = request.headers['sallyport-request-id'];
  return {
    host,
    method: request.method ?? '',
    path: request.url ?? '/',
    requestId: typeof requestId === 'string' ? requestId : '',
    identity: who.ok ? who.identity : null,
    problem: who.ok ? null : who.problem,
    edgeCertificate: edgeOf(request),
  };
}

function edgeOf({ socket }: IncomingMessage): string | null {
  if (!(socket instanceof TLSSocket)) return null;
  const name = socket.getPeerX509Certificate()?.subjectAltName ?? null;
  return name === null ? null : `${name}${socket.authorized ? '' : ' (not trusted)'}`;
}

function json(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}

/** A line each 100 ms: a download that takes as long as it is asked to. */
async function stream(response: ServerResponse, seconds: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' });
  for (let line = 1; line <= seconds * 10 && !response.destroyed; line += 1) {
    response.write(`${line} ${'.'.repeat(100)}\n`);
    await sleep(100);
  }
  response.end();
}

server.on('upgrade', (request, socket, head) => {
  socket.on('error', () => socket.destroy());
  look(request)
    .then(({ identity, path }) => {
      if (identity === null || !path.startsWith('/ws')) {
        socket.end(`HTTP/1.1 ${identity === null ? '401 Unauthorized' : '404 Not Found'}\r\n\r\n`);
        return;
      }
      sockets.handleUpgrade(request, socket, head, (client) => echo(client, identity.email));
    })
    .catch(() => socket.destroy());
});
server.on('tlsClientError', () => {});
server.on('clientError', (_, socket) => socket.destroy());

function echo(client: WebSocket, email: string): void {
  client.on('error', () => client.terminate());
  client.send(`hello ${email}`);
  client.on('message', (data, binary) => client.send(data, { binary }));
}

process.on('message', (trust: Trust) => {
  identify = createIdentifier(trust);
  process.send?.({ ready: true });
});
process.on('SIGTERM', () => {
  for (const client of sockets.clients) client.terminate();
  server.close();
  server.closeAllConnections();
  process.disconnect?.();
});

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  const url = `https://upstream.localhost:${port}`;
  console.log(JSON.stringify({ ready: true, url, pid: process.pid }));
});
