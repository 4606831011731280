import { type Decision, decide, type Facts } from '@sallyport/policy';
import type { UsersAffected } from '../ports.ts';
import { type RecordedRequest, recordedRequests } from '../store/recorded-requests.ts';
import type { LostAccess } from '../store/schema/index.ts';
import { changeOf } from './differences.ts';
import { takeTurns } from './turns.ts';

/** Read at the most; the newest say most of what people do now. */
const recordsMax = 100_000;
const timeMs = 20_000;
const examplesMax = 10;

type KnownUser = Extract<Facts['user'], { readonly kind: 'known' }>;

/** By the recorded facts of the window, newest first, within a bound of records and time. */
export const usersAffected: UsersAffected = async (db, live, candidate, window) => {
  const stopAtMs = performance.now() + timeMs;
  const active = new Set<string>();
  const losers = new Set<string>();
  const examples: LostAccess[] = [];
  let read = 0;
  const turn = takeTurns();
  for await (const page of recordedRequests(db, window)) {
    for (const request of page) {
      if (read >= recordsMax || performance.now() > stopAtMs) return result(true);
      read += 1;
      try {
        note(request);
      } catch {
        // Facts that nothing can be decided on, written down by an edge, block no change for good.
      }
      await turn();
    }
  }
  return result(false);

  function result(sampled: boolean) {
    return { active: active.size, lose: losers.size, sampled, examples };
  }

  function note(request: RecordedRequest): void {
    const { facts } = request;
    if (facts?.user.kind !== 'known') return;
    const { user } = facts;
    const before = decide(live, facts);
    if (before.outcome !== 'permit') return;
    active.add(user.id);
    if (losers.has(user.id)) return;
    const decision = decide(candidate, facts);
    if (changeOf(before.outcome, decision.outcome) !== 'lost') return;
    losers.add(user.id);
    if (examples.length < examplesMax) {
      examples.push(exampleOf(request, facts, user, before, decision));
    }
  }
};

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
