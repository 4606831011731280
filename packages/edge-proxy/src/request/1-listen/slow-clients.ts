import type { SlowClientLimits } from '../../state/current.ts';
import type { Answer, ClientConnection, Received } from '../exchange.ts';

export interface SlowClientNeeds {
  readonly connections: () => Iterable<ClientConnection>;
  readonly limits: () => SlowClientLimits;
  /** Gives an answer of ours where nothing has been sent yet. */
  readonly answer: (value: Received, answer: Answer) => void;
}

/** How an exchange went on from one look to the next. */
interface Pace {
  bodyBytes: number;
  /** The body has stood still for so long. */
  bodyIdleMs: number;
  /** What has come of it in so much waiting. */
  windowMs: number;
  windowBytes: number;
  takenBytes: number;
  responseIdleMs: number;
}

/** More time than that has not been seen to pass: this process, or the machine, stood still. */
const lookMaxMs = 1_500;

/**
 * Ends exchanges whose client sends its body too slowly or takes nothing of its response: each holds
 * a connection to an upstream and memory. One look at all of them a second instead of a timer each;
 * what is over before it is looked at costs nothing. Time while the upstream is what is waited for
 * does not count, and tunnels have limits of their own.
 */
export class SlowClients {
  readonly #needs: SlowClientNeeds;
  #paces = new Map<Received, Pace>();
  #lookedAt = 0;

  constructor(needs: SlowClientNeeds) {
    this.#needs = needs;
  }

  /** `now`: as by performance.now(). */
  sweep(now: number): void {
    const passedMs = Math.min(now - this.#lookedAt, lookMaxMs);
    this.#lookedAt = now;
    const limits = this.#needs.limits();
    const paces = new Map<Received, Pace>();
    for (const { exchanges } of this.#needs.connections()) {
      for (const value of exchanges) {
        if (value.client.tunnelled) continue;
        const pace = this.#paces.get(value);
        if (pace === undefined) {
          paces.set(value, begun(value));
        } else if (sendsTooSlowly(value, pace, passedMs, limits)) {
          this.#refuse(value);
        } else if (takesNothing(value, pace, passedMs, limits)) {
          breakOff(value);
        } else {
          paces.set(value, pace);
        }
      }
    }
    this.#paces = paces;
  }

  #refuse(value: Received): void {
    if (value.client.headersSent) {
      breakOff(value);
      return;
    }
    value.release?.(new Error('request_too_slow'));
    value.client.beLast();
    this.#needs.answer(value, { kind: 'refused', code: 'request_too_slow' });
  }
}

function begun({ progress, client }: Received): Pace {
  return {
    bodyBytes: progress.bytesIn,
    bodyIdleMs: 0,
    windowMs: 0,
    windowBytes: 0,
    takenBytes: progress.bytesOut - client.unsentBytes,
    responseIdleMs: 0,
  };
}

function sendsTooSlowly(
  { progress, head }: Received,
  pace: Pace,
  passedMs: number,
  { bodyIdleMs, bodyBytesPerSecond }: SlowClientLimits,
): boolean {
  const bytes = progress.bytesIn - pace.bodyBytes;
  pace.bodyBytes = progress.bytesIn;
  if (!progress.wantsBody) {
    pace.bodyIdleMs = 0;
    return false;
  }
  pace.bodyIdleMs = bytes > 0 ? 0 : pace.bodyIdleMs + passedMs;
  pace.windowMs += passedMs;
  pace.windowBytes += bytes;
  let slow = pace.bodyIdleMs >= bodyIdleMs;
  if (pace.windowMs >= bodyIdleMs) {
    slow ||= pace.windowBytes < (bodyBytesPerSecond * pace.windowMs) / 1_000;
    pace.windowMs = 0;
    pace.windowBytes = 0;
  }
  // A stream of gRPC may be quiet both ways for as long as its own deadline lets it.
  return slow && !head.call;
}

function takesNothing(
  { progress, client }: Received,
  pace: Pace,
  passedMs: number,
  { responseIdleMs }: SlowClientLimits,
): boolean {
  const unsent = client.unsentBytes;
  const taken = progress.bytesOut - unsent;
  const still = unsent > 0 && taken === pace.takenBytes;
  pace.takenBytes = taken;
  pace.responseIdleMs = still ? pace.responseIdleMs + passedMs : 0;
  return pace.responseIdleMs >= responseIdleMs;
}

/** Half a response must not look like a whole one. */
function breakOff(value: Received): void {
  value.progress.ending ??= 'client_too_slow';
  value.release?.(new Error('client_too_slow'));
  value.client.breakOff();
}
