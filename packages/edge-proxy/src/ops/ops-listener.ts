import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatHostPort, type HostPort } from '@sallyport/shared/host-port';
import type { Log } from '@sallyport/shared/log';

export interface OpsAnswers {
  /** Why this edge should get no requests, as codes; empty: it should. */
  readonly notReadyReasons: () => readonly string[];
  /** What does not keep requests away and should be looked at, as codes. */
  readonly warnings: () => readonly string[];
  /** Prometheus text. */
  readonly metrics: () => Promise<string>;
  readonly log: Log;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** The listener for operators: health, readiness, metrics. On loopback unless told otherwise. */
export class OpsListener {
  readonly #server: Server;

  constructor(answers: OpsAnswers) {
    this.#server = createServer(
      {
        headersTimeout: 5_000,
        requestTimeout: 10_000,
        maxHeaderSize: 8_192,
        keepAliveTimeout: 5_000,
      },
      (request, response) => void respond(answers, request, response),
    );
    this.#server.maxConnections = 64;
    this.#server.on('clientError', (_error, socket) => socket.destroy());
    this.#server.on('error', (error) => answers.log.error('ops.listener_failed', { error }));
  }

  /** Opens the listener; resolves with its URL. Rejects if the address cannot be had. */
  async listen({ host, port }: HostPort): Promise<string> {
    this.#server.listen({ host, port });
    await once(this.#server, 'listening');
    const { port: actual } = this.#server.address() as AddressInfo;
    return `http://${formatHostPort({ host, port: actual })}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

async function respond(
  answers: OpsAnswers,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.on('error', () => undefined);
  const answer = await answerTo(answers, request).catch((error: unknown): Answer => {
    answers.log.error('ops.answer_failed', { error });
    return json(500, { error: 'internal' });
  });
  response.writeHead(answer.status, {
    'content-type': answer.type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(request.method === 'HEAD' ? '' : answer.body);
}

async function answerTo(answers: OpsAnswers, { method, url }: IncomingMessage): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return json(405, { error: 'method_not_allowed' });
  switch (url) {
    case '/healthz':
      return json(200, { status: 'alive' });
    case '/readyz': {
      const reasons = answers.notReadyReasons();
      const ready = reasons.length === 0;
      return json(ready ? 200 : 503, { ready, reasons, warnings: answers.warnings() });
    }
    case '/metrics':
      return {
        status: 200,
        type: 'text/plain; version=0.0.4; charset=utf-8',
        body: await answers.metrics(),
      };
    default:
      return json(404, { error: 'not_found' });
  }
}

function json(status: number, body: unknown): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(body)}\n` };
}
