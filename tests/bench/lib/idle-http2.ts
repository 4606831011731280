import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Client } from './client.ts';
import { IdleSockets, nextEvent } from './idle-sockets.ts';

/** Connections of HTTP/2, each after one request. */
export class IdleHttp2Connections extends IdleSockets {
  protected override readonly protocols: readonly string[] = ['h2'];

  protected override async begin(socket: TLSSocket): Promise<void> {
    const session = sessionOn(socket, this.client);
    const stream = session.request({ ':path': '/', cookie: this.client.cookie });
    await agreed(stream);
    stream.resume();
    await once(stream, 'close');
  }
}

/** A server lets no more of them run side by side. */
const perConnection = 100;

/** Connections of HTTP/2 that carry WebSockets over which nothing is sent: RFC 8441. */
export class IdleHttp2WebSockets extends IdleSockets {
  protected override readonly protocols: readonly string[] = ['h2'];
  readonly #streams = new Set<ClientHttp2Stream>();

  /** WebSockets that are still open. */
  override get size(): number {
    return this.#streams.size;
  }

  /** Opens so many WebSockets, on as few connections as there can be. */
  override async open(count: number): Promise<void> {
    await super.open(Math.ceil(count / perConnection));
    const spare = [...this.#streams].slice(count);
    const closed = spare.map((stream) => once(stream, 'close'));
    for (const stream of spare) stream.close();
    await Promise.all(closed);
  }

  protected override async begin(socket: TLSSocket): Promise<void> {
    const session = sessionOn(socket, this.client);
    await nextEvent(session, 'remoteSettings');
    for (let at = 0; at < perConnection; at += 1) {
      const stream = session.request({
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':path': '/',
        'sec-websocket-version': '13',
        cookie: this.client.cookie,
      });
      await agreed(stream);
      stream.resume();
      this.#streams.add(stream);
      stream.once('close', () => this.#streams.delete(stream));
    }
  }
}

function sessionOn(socket: TLSSocket, { authority }: Client): ClientHttp2Session {
  const session = connect(`https://${authority}`, { createConnection: () => socket });
  session.on('error', () => undefined);
  return session;
}

async function agreed(stream: ClientHttp2Stream): Promise<void> {
  stream.on('error', () => undefined);
  const { ':status': status } = (await nextEvent(stream, 'response')) as { ':status'?: number };
  if (status !== 200) throw new Error(`answered with ${status}`);
}
