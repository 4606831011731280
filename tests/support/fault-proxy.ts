import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { FaultyPipe, type Shape } from './faulty-pipe.ts';

/** `up` is towards the target, `down` towards who connected. */
export type Direction = 'up' | 'down';

interface Pair {
  readonly client: Socket;
  readonly target: Socket;
  readonly up: FaultyPipe;
  readonly down: FaultyPipe;
}

/**
 * A TCP proxy between two parts of a stack that does to their bytes what a network does: delay,
 * jitter, a narrow link, a cut in the middle, one direction that goes nowhere, a reset. Bytes are
 * never changed, lost, doubled or put in another order: TCP would not let that through either.
 */
export class FaultProxy {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #shape: Record<Direction, Shape> = { up: {}, down: {} };
  readonly #holes = new Set<Direction>();
  #refusing = false;
  #accepted = 0;

  private constructor(target: string) {
    const url = new URL(`tcp://${target}`);
    // Both sides may close for themselves, as TCP has it.
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      this.#accept(client, url);
    });
  }

  /** Starts one in front of `host:port`, on a free port of loopback. */
  static async start(target: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** `localhost:port`: certificates have names. */
  get address(): string {
    return `localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections that came since the start, those refused included. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Connections that are open. */
  get open(): number {
    return this.#pairs.size;
  }

  /** Delay, jitter and width of a direction from now on, on open connections too. */
  shape(direction: Direction | 'both', shape: Shape): void {
    for (const one of direction === 'both' ? (['up', 'down'] as const) : [direction]) {
      this.#shape[one] = shape;
      for (const pair of this.#pairs) pair[one].shape = shape;
    }
  }

  /** Bytes of this direction stay on the way, on new connections too, and nothing says so. */
  blackHole(direction: Direction | 'both'): void {
    for (const one of direction === 'both' ? (['up', 'down'] as const) : [direction]) {
      this.#holes.add(one);
      for (const pair of this.#pairs) pair[one].hold();
    }
  }

  /** Every open connection is reset after so many more bytes of this direction. */
  cutAfter(bytes: number, direction: Direction = 'down'): void {
    for (const pair of this.#pairs) pair[direction].cutAfter(bytes, () => this.#reset(pair));
  }

  /** RST on every open connection, both ways. */
  reset(): void {
    for (const pair of this.#pairs) this.#reset(pair);
  }

  /** RST on every open connection, and on each that comes, until `heal`. */
  refuse(): void {
    this.#refusing = true;
    this.reset();
  }

  /** A network without faults again; what was held goes on its way. */
  heal(): void {
    this.#refusing = false;
    this.#holes.clear();
    this.shape('both', {});
    for (const { up, down } of this.#pairs) {
      up.release();
      down.release();
    }
  }

  async close(): Promise<void> {
    this.reset();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket, { hostname, port }: URL): void {
    this.#accepted += 1;
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const target = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    const pair: Pair = {
      client,
      target,
      up: new FaultyPipe(client, target, this.#shape.up),
      down: new FaultyPipe(target, client, this.#shape.down),
    };
    this.#pairs.add(pair);
    for (const direction of this.#holes) pair[direction].hold();
    for (const [one, other, pipe] of [
      [client, target, pair.up],
      [target, client, pair.down],
    ] as const) {
      one.setNoDelay(true);
      one.on('error', () => {});
      // A reset does not get through a hole either.
      one.on('close', (failed) =>
        pipe.whenReleased(() => {
          if (failed) other.resetAndDestroy();
          if (client.destroyed && target.destroyed) this.#pairs.delete(pair);
        }),
      );
    }
  }

  #reset(pair: Pair): void {
    pair.up.stop();
    pair.down.stop();
    pair.client.resetAndDestroy();
    pair.target.resetAndDestroy();
    this.#pairs.delete(pair);
  }
}
