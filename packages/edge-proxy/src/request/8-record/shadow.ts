import { decide } from '@sallyport/policy';
import type { AccessRecord, ShadowVerdict } from '@sallyport/shared/access-record';
import type { Log } from '@sallyport/shared/log';
import type { LiveBundle, RecordRules } from '../../state/current.ts';
import type { Received } from '../exchange.ts';

/** `failed`: it could not be decided; `skipped`: too many were waiting. */
export type ShadowResult = 'same' | 'differs' | 'failed' | 'skipped';

export interface ShadowNeeds {
  readonly emitRecord: (record: AccessRecord, rules: RecordRules) => void;
  readonly count: (result: ShadowResult) => void;
  readonly log: Log;
}

type ShadowPolicy = NonNullable<LiveBundle['shadow']>;

interface Waiting {
  readonly record: AccessRecord;
  readonly facts: NonNullable<AccessRecord['facts']>;
  readonly decided: ShadowVerdict['outcome'];
  readonly shadow: ShadowPolicy;
  readonly rules: RecordRules;
}

const waitingMax = 1_024;
/** Of one turn of the event loop: others' requests wait for no more than this. */
const sliceMs = 0.25;

/**
 * Decides requests besides by the version that is tried out. Only after the answer is sent, a few in
 * each turn of the event loop, and on the facts as recorded, so that no request waits for it and the
 * verdicts can be compared. Where too many wait, their records go on undecided.
 */
export class ShadowDecisions {
  readonly #needs: ShadowNeeds;
  #waiting: Waiting[] = [];
  #next = 0;
  #scheduled = false;

  constructor(needs: ShadowNeeds) {
    this.#needs = needs;
  }

  /** The record of a request that has ended; it goes on from here, at once or decided besides. */
  take(
    record: AccessRecord,
    { decision, bundle }: Pick<Received, 'decision' | 'bundle'>,
    rules: RecordRules,
  ): void {
    const shadow = bundle?.shadow ?? null;
    const { facts } = record;
    if (shadow === null || facts === null || decision === undefined) {
      this.#needs.emitRecord(record, rules);
    } else if (this.#waiting.length - this.#next >= waitingMax) {
      this.#needs.count('skipped');
      this.#needs.emitRecord(record, rules);
    } else {
      this.#waiting.push({ record, facts, decided: decision.outcome, shadow, rules });
      this.#schedule();
    }
  }

  /** Decides all that wait, now: nothing may be lost when the process ends. */
  flush(): void {
    this.#work(Number.POSITIVE_INFINITY);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#work(performance.now() + sliceMs);
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  /** At least one, so that there is an end to it. */
  #work(untilMs: number): void {
    do {
      const one = this.#waiting[this.#next];
      if (one === undefined) break;
      this.#next += 1;
      this.#emit(one);
    } while (performance.now() < untilMs);
    // What is left is moved to the front now and then, not each time.
    if (this.#next < this.#waiting.length && this.#next < waitingMax) return;
    this.#waiting = this.#waiting.slice(this.#next);
    this.#next = 0;
  }

  /** Runs in an event of its own: what it throws would end the process. */
  #emit(one: Waiting): void {
    try {
      const shadow = this.#verdict(one);
      this.#needs.emitRecord(shadow === null ? one.record : { ...one.record, shadow }, one.rules);
    } catch (error) {
      this.#needs.log.error('record_lost', { error });
    }
  }

  #verdict({ facts, decided, shadow: { version, policy } }: Waiting): ShadowVerdict | null {
    try {
      const { outcome, reasons, ruleIds } = decide(policy, facts);
      this.#needs.count(outcome === decided ? 'same' : 'differs');
      if (outcome === decided) return null;
      return { version, outcome, reasons: reasons.map(({ code }) => code), ruleIds };
    } catch (error) {
      this.#needs.count('failed');
      this.#needs.log.warn('shadow_failed', { version, error });
      return null;
    }
  }
}
