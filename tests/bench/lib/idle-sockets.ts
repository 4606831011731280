import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { Client } from './client.ts';

const atATime = 32;
/** Servers may bound how many connections come from one address; all of 127.0.0.0/8 is ours. */
const addresses = 200;
const everyMs = 4_000;
const answersMsMax = 120_000;

/** Many connections that are open and do nothing, from this process. */
abstract class IdleSockets {
  protected readonly client: Client;
  readonly #sockets = new Set<TLSSocket>();
  #opened = 0;

  constructor(client: Client) {
    this.client = client;
  }

  /** That are still open. */
  get size(): number {
    return this.#sockets.size;
  }

  protected get sockets(): Iterable<TLSSocket> {
    return this.#sockets;
  }

  /** Opens so many, a few at a time; rejects if one does not open. */
  async open(count: number): Promise<void> {
    const work = async (): Promise<void> => {
      while (this.#opened < count) {
        this.#opened += 1;
        await this.#openOne(this.#opened);
      }
    };
    await Promise.all(Array.from({ length: atATime }, work));
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** What is asked of the server so that it keeps the connection, and its answer. */
  protected abstract begin(socket: TLSSocket): Promise<void>;

  async #openOne(index: number): Promise<void> {
    const localAddress = `127.1.0.${1 + (index % addresses)}`;
    const { port = 0, ...tls } = this.client.tls;
    const raw = connectTcp({ port, host: '127.0.0.1', localAddress });
    await once(raw, 'connect');
    const socket = connect({ ...tls, socket: raw });
    await once(socket, 'secureConnect');
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
    await this.begin(socket);
  }
}

/** Each asks for something now and then, as a server ends a connection that never does. */
export class IdleConnections extends IdleSockets {
  protected override async begin(socket: TLSSocket): Promise<void> {
    const request = this.client.request('GET /');
    const ask = async (): Promise<void> => {
      socket.write(request);
      await once(socket, 'data');
    };
    await ask();
    socket.on('data', () => undefined);
    const timer = setInterval(() => socket.write(request), everyMs);
    socket.once('close', () => clearInterval(timer));
  }
}

/** WebSockets that nothing is sent over. */
export class IdleWebSockets extends IdleSockets {
  protected override async begin(socket: TLSSocket): Promise<void> {
    socket.write(
      this.client.request('GET /', [
        'connection: Upgrade',
        'upgrade: websocket',
        'sec-websocket-version: 13',
        `sec-websocket-key: ${randomBytes(16).toString('base64')}`,
      ]),
    );
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    const head = chunk.toString('latin1');
    if (!head.startsWith('HTTP/1.1 101')) throw new Error(`no WebSocket:\n${head}`);
    socket.on('data', () => undefined);
  }

  /** Sends a frame over each, one after the other, and takes how long it takes to come back. */
  async ask(): Promise<readonly number[]> {
    const frame = Buffer.from([0x81, 0x81, 1, 2, 3, 4, 'x'.charCodeAt(0) ^ 1]);
    const signal = AbortSignal.timeout(answersMsMax);
    const samples: number[] = [];
    for (const socket of this.sockets) {
      const startedAt = performance.now();
      socket.write(frame);
      await once(socket, 'data', { signal });
      samples.push(performance.now() - startedAt);
    }
    return samples;
  }
}
