import type { Log, LogFields } from './log.ts';

interface Said {
  atMs: number;
  /** Since then. */
  unsaid: number;
  last: LogFields;
}

const quietMs = 1_000;

/**
 * Warns of one event that others can cause as often as they like: of each key the first at once,
 * then one line a second at the most, with what was said last and how many there were. Of a key
 * that was quiet for a second nothing is kept, so it holds no more than were noted in that time;
 * callers use keys of which there are few.
 */
export class CoalescingLog {
  readonly #log: Pick<Log, 'warn'>;
  readonly #event: string;
  readonly #nowMs: () => number;
  readonly #said = new Map<string, Said>();

  /** `nowMs`: of the monotonic clock. */
  constructor(log: Pick<Log, 'warn'>, event: string, nowMs: () => number) {
    this.#log = log;
    this.#event = event;
    this.#nowMs = nowMs;
  }

  note(key: string, fields: LogFields): void {
    const nowMs = this.#nowMs();
    const said = this.#said.get(key) ?? { atMs: Number.NEGATIVE_INFINITY, unsaid: 0, last: fields };
    said.unsaid += 1;
    said.last = fields;
    this.#said.set(key, said);
    if (nowMs - said.atMs >= quietMs) this.#say(said, nowMs);
  }

  /** Says what has waited for its second; to be called about once a second, or more often. */
  flush(): void {
    const nowMs = this.#nowMs();
    for (const [key, said] of this.#said) {
      if (nowMs - said.atMs < quietMs) continue;
      if (said.unsaid === 0) this.#said.delete(key);
      else this.#say(said, nowMs);
    }
  }

  /** Keys that are kept. */
  get size(): number {
    return this.#said.size;
  }

  #say(said: Said, nowMs: number): void {
    this.#log.warn(this.#event, { ...said.last, count: said.unsaid });
    said.atMs = nowMs;
    said.unsaid = 0;
  }
}
