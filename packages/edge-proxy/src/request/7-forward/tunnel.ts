import type { Duplex } from 'node:stream';
import type { ClientTunnel } from '../client/exchange.ts';
import type { Asserted } from '../exchange.ts';
import { closeFrame, FrameBoundary } from './frame-boundary.ts';
import type { OpenTunnel } from './web-socket.ts';

/** For a close frame to get out before the connection is cut. */
const farewellMs = 1_000;
/** RFC 6455, section 7.4.1. */
const goingAway = 1001;
const policyViolation = 1008;
/** Registered with IANA beside those of the RFC. */
const tryAgainLater = 1013;

/** Bytes both ways between a client and an upstream that have agreed on a WebSocket. */
export function createOpenTunnel(ended: (value: Asserted) => void): OpenTunnel {
  return (value, upstream, headers) => {
    value.progress.status = 101;
    new Tunnel(value, value.client.tunnel(headers), upstream, ended).open();
  };
}

class Tunnel {
  readonly #value: Asserted;
  readonly #client: ClientTunnel;
  readonly #upstream: Duplex;
  readonly #ended: (value: Asserted) => void;
  readonly #toClient = new FrameBoundary();
  readonly #total: NodeJS.Timeout;
  #open = 2;

  constructor(
    value: Asserted,
    client: ClientTunnel,
    upstream: Duplex,
    ended: (value: Asserted) => void,
  ) {
    this.#value = value;
    this.#client = client;
    this.#upstream = upstream;
    this.#ended = ended;
    // Node's own limits do not hold after an upgrade (hardening.md M15).
    const { totalMs } = value.route.webSocket;
    this.#total = setTimeout(() => this.#cut('too_old'), totalMs).unref();
  }

  open(): void {
    const { progress, route } = this.#value;
    this.#value.release = () => this.#farewell();
    this.#join(this.#client, this.#upstream, 'client_closed', (chunk) => {
      progress.bytesIn += chunk.length;
    });
    this.#join(this.#upstream, this.#client, 'upstream_failed', (chunk) => {
      progress.bytesOut += chunk.length;
      this.#toClient.push(chunk);
    });
    this.#client.setTimeout(route.webSocket.idleMs, () => this.#cut('idle'));
  }

  /** `broken` is how it ends where `from` breaks off instead of ending. */
  #join(from: Duplex, to: Duplex, broken: string, count: (chunk: Buffer) => void): void {
    from.on('data', (chunk: Buffer) => {
      count(chunk);
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    from.on('error', () => {
      this.#value.progress.ending ??= broken;
    });
    from.on('close', () => {
      // What was read before the end still goes out.
      if (!to.destroyed) to.end();
      this.#open -= 1;
      if (this.#open === 0) this.#finish();
      else setTimeout(() => to.destroy(), farewellMs).unref();
    });
  }

  /** Ends it for a reason of ours; a close frame says so where one fits. */
  #farewell(): void {
    this.#upstream.destroy();
    this.#client.pause();
    if (!this.#toClient.between) {
      this.#client.destroy();
      return;
    }
    this.#client.end(farewellOf(this.#value));
    setTimeout(() => this.#client.destroy(), farewellMs).unref();
  }

  #cut(ending: string): void {
    this.#value.progress.ending ??= ending;
    this.#farewell();
  }

  #finish(): void {
    clearTimeout(this.#total);
    this.#value.progress.ending ??= 'complete';
    this.#value.release = null;
    this.#ended(this.#value);
  }
}

/** Those that have nothing to do with who may. */
const endings: ReadonlyMap<string, string> = new Map([
  ['drained', 'this gateway is going away'],
  ['idle', 'nothing has moved for too long'],
  ['too_old', 'it has been open for as long as it may'],
]);

function farewellOf({ progress, cutBy }: Asserted): Buffer {
  const ofOurs = endings.get(progress.ending ?? '');
  if (ofOurs !== undefined) return closeFrame(goingAway, ofOurs);
  if (cutBy?.[0]?.code === 'state_too_old') {
    return closeFrame(tryAgainLater, 'this gateway has had no news for too long');
  }
  return closeFrame(policyViolation, 'access was withdrawn');
}
