import { randomBytes } from 'node:crypto';
import { type EventEmitter, once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import type { Client } from './client.ts';

const atATime = 16;
/** An edge with too much to do turns connections away for a while: handshakes are the dearest of all. */
const triesMax = 40;
const pauseMs = 250;
/** Servers may bound how many connections come from one address; all of 127.0.0.0/8 is ours. */
const addresses = 200;
const everyMs = 7_000;
const answersMsMax = 120_000;

/** Things that are open and do nothing. */
export interface Idle {
  /** That are still open. */
  readonly size: number;
  close(): void;
}

/** Many connections that are open and do nothing, from this process. */
export abstract class IdleSockets implements Idle {
  protected readonly client: Client;
  protected readonly protocols: readonly string[] = ['http/1.1'];
  readonly #sockets = new Set<TLSSocket>();
  #opened = 0;
  #again = 0;

  constructor(client: Client) {
    this.client = client;
  }

  /** That are still open. */
  get size(): number {
    return this.#sockets.size;
  }

  /** Openings that did not come to anything and were tried again. */
  get again(): number {
    return this.#again;
  }

  protected get sockets(): Iterable<TLSSocket> {
    return this.#sockets;
  }

  /** Opens so many, a few at a time; rejects if one does not open, however often it is tried. */
  async open(count: number): Promise<void> {
    const work = async (): Promise<void> => {
      while (this.#opened < count) {
        this.#opened += 1;
        await this.#openSurely(this.#opened);
      }
    };
    await Promise.all(Array.from({ length: atATime }, work));
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** What is asked of the server so that it keeps the connection, and its answer. */
  protected abstract begin(socket: TLSSocket): Promise<void>;

  async #openSurely(index: number): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#openOne(index);
        return;
      } catch (error) {
        if (tries === triesMax) throw error;
        this.#again += 1;
        await sleep(pauseMs);
      }
    }
  }

  async #openOne(index: number): Promise<void> {
    const localAddress = `127.1.0.${1 + (index % addresses)}`;
    const { port = 0, ...tls } = this.client.tls;
    const raw = connectTcp({ port, host: '127.0.0.1', localAddress });
    await once(raw, 'connect');
    const socket = connect({ ...tls, socket: raw, ALPNProtocols: [...this.protocols] });
    await once(socket, 'secureConnect');
    socket.on('error', () => undefined);
    try {
      await this.begin(socket);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    if (socket.destroyed) throw new Error('closed at once');
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

/** What comes with the next event of a name; rejects where none can come any more. */
export async function nextEvent(
  of: EventEmitter,
  name: string,
  signal?: AbortSignal,
): Promise<unknown> {
  const ended = new AbortController();
  const end = (): void => ended.abort(new Error('closed'));
  of.once('close', end);
  try {
    const signals = signal === undefined ? [ended.signal] : [ended.signal, signal];
    const [first] = (await once(of, name, { signal: AbortSignal.any(signals) })) as [unknown];
    return first;
  } finally {
    of.off('close', end);
  }
}

/** Each asks for something now and then, as a server ends a connection that never does. */
export class IdleConnections extends IdleSockets {
  protected override async begin(socket: TLSSocket): Promise<void> {
    const request = this.client.request('GET /');
    socket.write(request);
    const head = String(await nextEvent(socket, 'data'));
    if (!head.startsWith('HTTP/1.1 200')) throw new Error(`unexpected answer:\n${head}`);
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
    const head = String(await nextEvent(socket, 'data'));
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
      await nextEvent(socket, 'data', signal);
      samples.push(performance.now() - startedAt);
    }
    return samples;
  }
}
