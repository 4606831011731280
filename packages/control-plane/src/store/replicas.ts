import { type Lane, lanes, type Position } from '@sallyport/shared/state/model';
import { gt, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { replicas } from './schema/index.ts';

/** A replica of the control plane as it wrote itself down. */
export interface ReplicaRow {
  readonly name: string;
  readonly heads: { readonly [lane in Lane]?: Position };
}

/** So long a replica that says nothing counts as one that may be there. */
const seenMsMax = 6_000;
const replicasMax = 64;

/** Notes how far this replica has read, and gives the others that were there lately. */
export async function saveReplica(
  db: Executor,
  name: string,
  heads: ReadonlyMap<Lane, Position>,
  nowMs: number,
): Promise<readonly ReplicaRow[]> {
  const own = Object.fromEntries(
    lanes.flatMap((lane) => {
      const head = heads.get(lane);
      return head === undefined ? [] : [[lane, { epoch: head.epoch, rev: head.rev }]];
    }),
  );
  await db
    .insert(replicas)
    .values({ name, seenAtMs: nowMs, heads: own })
    .onConflictDoUpdate({ target: replicas.name, set: { seenAtMs: nowMs, heads: own } });
  const rows = await db
    .select({ name: replicas.name, heads: replicas.heads })
    .from(replicas)
    .where(gt(replicas.seenAtMs, sql`${nowMs - seenMsMax}::bigint`))
    .limit(replicasMax);
  return rows.filter((row) => row.name !== name);
}
