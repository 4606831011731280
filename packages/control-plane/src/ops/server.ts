import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HostPort } from '@sallyport/shared/host-port';
import type { Log } from '@sallyport/shared/log';
import { Gauge, type Registry } from 'prom-client';

export interface OpsOptions {
  /** Loopback: what is here is for the machine's own supervisor and scraper. */
  readonly listen: HostPort;
  readonly metrics: Registry;
  /** Why this replica should get no work, or null. */
  readonly unready: () => string | null;
  readonly log: Log;
}

export interface OpsServer {
  readonly address: HostPort;
  close(): Promise<void>;
}

/** Health, readiness and metrics on a listener of their own. Paths are exact, queries unknown. */
export async function startOpsServer(options: OpsOptions): Promise<OpsServer> {
  const { listen, metrics, unready, log } = options;
  new Gauge({
    name: 'sallyport_ready',
    help: 'Whether this replica should get work, as /readyz says it',
    registers: [metrics],
    collect() {
      this.set(unready() === null ? 1 : 0);
    },
  });
  const server = createServer(
    { headersTimeout: 5_000, requestTimeout: 5_000 },
    (request, response) => {
      answer(request.method === 'GET' ? (request.url ?? '') : '', response).catch(
        (error: unknown) => {
          log.error('ops.request_failed', { error });
          response.destroy();
        },
      );
    },
  );
  const answer = async (path: string, response: ServerResponse): Promise<void> => {
    switch (path) {
      case '/healthz':
        return send(response, 200, 'ok\n');
      case '/readyz': {
        const reason = unready();
        return reason === null
          ? send(response, 200, 'ready\n')
          : send(response, 503, `${reason}\n`);
      }
      case '/metrics':
        return send(response, 200, await metrics.metrics(), metrics.contentType);
      default:
        return send(response, 404, 'not found\n');
    }
  };
  server.maxConnections = 64;
  server.on('clientError', (_error, socket) => socket.destroy());
  server.listen(listen.port, listen.host);
  await once(server, 'listening');
  server.on('error', (error) => log.error('ops.listener_failed', { error }));
  return {
    address: { host: listen.host, port: (server.address() as AddressInfo).port },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' });
  response.end(body);
}
