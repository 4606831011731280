import type { DecisionFilter } from '@sallyport/shared/decision-filter';
import { and, eq, gte, inArray, lte, or, type SQL, sql } from 'drizzle-orm';
import type { Executor } from '../database.ts';
import { accessRecords, users } from '../schema/index.ts';

/** Which records are asked for. `address` as `canonicalAddress` or `parseNetwork` take it. */
export interface RecordFilter extends DecisionFilter {
  /** When it was, as the edge says; both ends belong to it. */
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** Whether an index leads to the records; else all of a time are looked at. */
export function isIndexed({ user, device, route, outcome, correlationId }: RecordFilter): boolean {
  const refused = outcome !== undefined && outcome !== 'permit' && outcome !== 'own';
  return [user, device, route, correlationId].some((one) => one !== undefined) || refused;
}

/** On a row; undefined: all. */
export type RecordCondition = SQL | undefined;

/** The condition that a filter is. */
export async function conditionOf(db: Executor, filter: RecordFilter): Promise<RecordCondition> {
  const { device, route, host, outcome, reason, rule, address, edge, correlationId } = filter;
  const { fromMs, toMs } = filter;
  const has = <T>(value: T | undefined, condition: (value: T) => SQL): SQL | undefined =>
    value === undefined ? undefined : condition(value);
  return and(
    filter.user === undefined ? undefined : await userCondition(db, filter.user),
    has(device, (value) => eq(accessRecords.deviceId, value)),
    has(route, (value) => eq(accessRecords.route, value)),
    has(host, (value) => eq(accessRecords.host, value)),
    has(outcome, outcomeCondition),
    has(reason, (value) => sql`${value} = any(${accessRecords.reasons})`),
    has(rule, (value) => sql`${value} = any(${accessRecords.ruleIds})`),
    has(address, (value) => sql`${accessRecords.sourceAddress} <<= ${value}::inet`),
    has(edge, (value) => eq(accessRecords.edgeId, value)),
    has(correlationId, (value) => eq(accessRecords.correlationId, value)),
    has(fromMs, (value) => gte(accessRecords.timeMs, value)),
    has(toMs, (value) => lte(accessRecords.timeMs, value)),
  );
}

/** Said as the index has it, which the planner cannot find out from a parameter. */
function outcomeCondition(outcome: string): SQL {
  const is = eq(accessRecords.outcome, outcome);
  if (outcome === 'permit' || outcome === 'own') return is;
  return sql`(${is} and ${accessRecords.outcome} <> 'permit' and ${accessRecords.outcome} <> 'own')`;
}

/**
 * By id. An address is that of the users who have it today, whatever their records say; where nobody
 * has it, that of records which name it.
 */
async function userCondition(db: Executor, user: string): Promise<SQL> {
  if (!user.includes('@')) return eq(accessRecords.userId, user);
  const email = user.toLowerCase();
  const found = await db.select({ id: users.id }).from(users).where(eq(users.email, email));
  const [only] = found;
  if (only === undefined) return eq(accessRecords.userEmail, email);
  if (found.length === 1) return eq(accessRecords.userId, only.id);
  const ids = found.map(({ id }) => id);
  return or(inArray(accessRecords.userId, ids)) ?? sql`false`;
}
