import type { Decision } from '@sallyport/policy';
import type { AccessRecord } from '@sallyport/shared/access-record';
import type { Executor } from '../store/database.ts';
import { shadowedRequests } from '../store/recorded-requests.ts';
import { type Compared, Differences } from './differences.ts';

export interface ShadowReportOptions {
  readonly version: number;
  readonly sinceMs: number;
  /** Records to read at the most, the newest. */
  readonly limit: number;
  /** As by performance.now(): then it stops with what it has. */
  readonly stopAtMs: number;
}

/** What edges recorded of a shadow version that would have decided otherwise, added up. */
export async function reportShadow(
  db: Executor,
  { version, sinceMs, limit, stopAtMs }: ShadowReportOptions,
) {
  const differences = new Differences();
  let read = 0;
  for await (const page of shadowedRequests(db, version, sinceMs)) {
    for (const { record } of page) {
      if (read >= limit) return { read, complete: false, differences };
      read += 1;
      try {
        const compared = comparedOf(record);
        if (compared !== null) differences.add(compared);
      } catch {
        // What an edge wrote down is not ours to trust; the rest is still worth an answer.
      }
    }
    if (performance.now() > stopAtMs) return { read, complete: false, differences };
  }
  return { read, complete: true, differences };
}

const verdicts: readonly string[] = ['permit', 'deny', 'sign_in', 'step_up'];

/** null: the request was refused after all, or answered by ourselves. */
function comparedOf(record: AccessRecord): Compared | null {
  const { correlationId, facts, outcome, route, reasons, ruleIds, shadow } = record;
  if (facts === null || shadow === null || !isVerdict(outcome)) return null;
  const live = { outcome, route, reasons, ruleIds };
  return { correlationId, facts, live, candidate: { ...shadow, route } };
}

function isVerdict(outcome: AccessRecord['outcome']): outcome is Decision['outcome'] {
  return verdicts.includes(outcome);
}
