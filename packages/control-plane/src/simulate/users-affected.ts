import { type CompiledPolicySet, type Decision, decide, type Facts } from '@sallyport/policy';
import type { UsersAffected } from '../ports.ts';
import {
  newestOfEachUser,
  type RecordedRequest,
  recordedRequests,
} from '../store/recorded-requests.ts';
import type { LostAccess } from '../store/schema/index.ts';
import { changeOf } from './differences.ts';
import { later } from './later.ts';
import { takeTurns } from './turns.ts';

/** Read at the most; the newest say most of what people do now. */
const recordsMax = 100_000;
const timeMs = 6_000;
const examplesMax = 10;

type KnownUser = Extract<Facts['user'], { readonly kind: 'known' }>;

/**
 * By the recorded facts of the window, newest first, within a bound of records and time. Where there
 * are more, a few of each user as well: one who asks for much must not be all that is seen. `most`:
 * records to read at the most before that.
 */
export function usersAffectedBy(most: number): UsersAffected {
  return async (db, live, candidate, window) => {
    const effect = new Effect(live, candidate);
    const whole = await noteAll(effect, recordedRequests(db, window), most);
    if (!whole) await noteAll(effect, newestOfEachUser(db, window), Number.POSITIVE_INFINITY);
    return effect.result(!whole);
  };
}

export const usersAffected: UsersAffected = usersAffectedBy(recordsMax);

/** Whether all of them could be noted. */
async function noteAll(
  effect: Effect,
  pages: AsyncIterable<readonly RecordedRequest[]>,
  most: number,
): Promise<boolean> {
  const stopAtMs = performance.now() + timeMs;
  const turn = takeTurns();
  let read = 0;
  for await (const page of pages) {
    for (const request of page) {
      if (read >= most || performance.now() > stopAtMs) return false;
      read += 1;
      effect.note(request);
      await turn();
    }
  }
  return true;
}

/** Users who have access by one set, and those of them who would lose some by the other. */
class Effect {
  readonly #live: CompiledPolicySet;
  readonly #candidate: CompiledPolicySet;
  readonly #active = new Set<string>();
  readonly #losers = new Set<string>();
  readonly #examples: LostAccess[] = [];

  constructor(live: CompiledPolicySet, candidate: CompiledPolicySet) {
    this.#live = live;
    this.#candidate = candidate;
  }

  /** Facts that nothing can be decided on, written down by an edge, block no change for good. */
  note(request: RecordedRequest): void {
    const { facts } = request;
    try {
      if (facts?.user.kind !== 'known') return;
      const { user } = facts;
      this.#noteAt(request, facts, user);
      // A denial that is only watched, or a rule with a date, takes its access then.
      if (!this.#losers.has(user.id)) this.#noteAt(request, later(facts), user);
    } catch {
      return;
    }
  }

  #noteAt(request: RecordedRequest, facts: Facts, user: KnownUser): void {
    const before = decide(this.#live, facts);
    if (before.outcome !== 'permit') return;
    this.#active.add(user.id);
    if (this.#losers.has(user.id)) return;
    const decision = decide(this.#candidate, facts);
    if (changeOf(before.outcome, decision.outcome) !== 'lost') return;
    this.#losers.add(user.id);
    if (this.#examples.length < examplesMax) {
      this.#examples.push(exampleOf(request, facts, user, before, decision));
    }
  }

  result(sampled: boolean) {
    const [active, lose] = [this.#active.size, this.#losers.size];
    return { active, lose, sampled, examples: this.#examples };
  }
}

function exampleOf(
  { correlationId }: RecordedRequest,
  { request: { method, host, path } }: Facts,
  { id, email }: KnownUser,
  before: Decision,
  decision: Decision,
): LostAccess {
  const reason = decision.reasons[0]?.code ?? '';
  return { user: id, email, correlationId, route: before.route, method, host, path, reason };
}
