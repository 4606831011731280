import type { Socket } from 'node:net';
import type { ClientConnection } from '../exchange.ts';

/** Longer than waiting for a request and reading its head may take together. */
export const unusedMs = 25_000;
const sweepMs = 2_000;

interface Watched {
  readonly client: Pick<ClientConnection, 'exchanges'>;
  /** When something was last under way or answered. */
  usedAt: number;
  writtenBytes: number;
}

/**
 * Closes connections of HTTP/1.1 on which nothing is asked, whatever else comes. Node's limits of time
 * begin anew with every byte: line ends between requests, and bytes behind an answer that was the
 * last, keep a connection open for ever.
 */
export class UnusedConnections {
  readonly #watched = new Map<Socket, Watched>();
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.sweep(performance.now()), sweepMs);
    this.#timer.unref();
  }

  watch(socket: Socket, client: Watched['client']): void {
    const writtenBytes = socket.bytesWritten;
    this.#watched.set(socket, { client, usedAt: performance.now(), writtenBytes });
    socket.once('close', () => this.#watched.delete(socket));
  }

  /** `nowMs` as by performance.now(). */
  sweep(nowMs: number): void {
    for (const [socket, watched] of this.#watched) {
      const { bytesWritten } = socket;
      if (watched.client.exchanges.size > 0 || bytesWritten !== watched.writtenBytes) {
        watched.usedAt = nowMs;
        watched.writtenBytes = bytesWritten;
      } else if (nowMs - watched.usedAt > unusedMs) {
        socket.destroy();
      }
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
