import type { buildConnector } from 'undici';
import { NoConnectionError } from './failures.ts';

/** Connections to upstreams that the process may have, in memory that all workers share. */
export interface UpstreamRoom {
  /** false: there are as many as may be. Else `leaveUpstream` has to be called once. */
  enterUpstream(): boolean;
  leaveUpstream(): void;
  readonly upstreamFull: boolean;
}

interface Waiting {
  readonly start: () => void;
  readonly refuse: () => void;
  readonly wanted: () => boolean;
  readonly timer: NodeJS.Timeout;
}

/**
 * The connections of a worker to its upstreams. The process has file descriptors for so many; who
 * needs one more waits until another closes, and connections that nobody uses are closed for that.
 * So upstreams never take what the listeners and the operations listener live on.
 */
export class ConnectionLine {
  readonly #room: UpstreamRoom;
  readonly #closeUnused: () => void;
  readonly #waiting = new Set<Waiting>();
  #looking = false;

  constructor(room: UpstreamRoom, closeUnused: () => void) {
    this.#room = room;
    this.#closeUnused = closeUnused;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether a further connection would have to wait. */
  get full(): boolean {
    return this.#waiting.size > 0 || this.#room.upstreamFull;
  }

  /** The same connector, in line for `waitMs` at the most, and for as long as it is `wanted`. */
  guard(
    connect: buildConnector.connector,
    waitMs: number,
    wanted: () => boolean = () => true,
  ): buildConnector.connector {
    return (options, done) => {
      const start = (): void => {
        try {
          connect(options, (...[error, socket]) => {
            if (error === null) {
              socket.once('close', this.#left);
              done(null, socket);
            } else {
              this.#left();
              done(error, null);
            }
          });
        } catch (error) {
          this.#left();
          done(error instanceof Error ? error : new Error('no connection could be made'), null);
        }
      };
      if (this.#waiting.size === 0 && this.#room.enterUpstream()) start();
      else this.#wait({ start, refuse: () => done(new NoConnectionError(), null), wanted }, waitMs);
    };
  }

  /** Something may be free: a connection that nobody uses, or one less in another worker. */
  readonly look = (): void => {
    if (this.#waiting.size === 0 || this.#looking) return;
    this.#looking = true;
    // Whoever says so is not done yet with the connection.
    setImmediate(() => {
      this.#looking = false;
      if (this.#waiting.size > 0) this.#closeUnused();
      this.#startNext();
    });
  };

  /** From time to time: other workers may want what nobody uses here, or have left something. */
  sweep(): void {
    if (this.#room.upstreamFull) this.#closeUnused();
    this.look();
  }

  #wait(whoWaits: Omit<Waiting, 'timer'>, waitMs: number): void {
    const expire = (): void => {
      this.#waiting.delete(waiting);
      waiting.refuse();
    };
    const waiting = { ...whoWaits, timer: setTimeout(expire, waitMs).unref() };
    this.#waiting.add(waiting);
    this.look();
  }

  readonly #left = (): void => {
    this.#room.leaveUpstream();
    this.#startNext();
  };

  #startNext(): void {
    for (const waiting of this.#waiting) {
      const wanted = waiting.wanted();
      if (wanted && !this.#room.enterUpstream()) return;
      this.#waiting.delete(waiting);
      clearTimeout(waiting.timer);
      // A connection for one who has gone would cost those behind, and the upstream, a handshake.
      if (wanted) waiting.start();
      else waiting.refuse();
    }
  }
}
