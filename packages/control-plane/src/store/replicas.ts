import { type Lane, lanes, type Position } from '@sallyport/shared/state/model';
import { eq, gt, sql } from 'drizzle-orm';
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

export interface SavedReplica {
  /** The other replicas that were there lately. */
  readonly others: readonly ReplicaRow[];
  /** What stood in this replica's row before; null: there was none. */
  readonly beforeMs: number | null;
}

/** Notes how far this replica has read. */
export async function saveReplica(
  db: Executor,
  name: string,
  heads: ReadonlyMap<Lane, Position>,
  nowMs: number,
): Promise<SavedReplica> {
  const own = Object.fromEntries(
    lanes.flatMap((lane) => {
      const head = heads.get(lane);
      return head === undefined ? [] : [[lane, { epoch: head.epoch, rev: head.rev }]];
    }),
  );
  const [before] = await db
    .select({ seenAtMs: replicas.seenAtMs })
    .from(replicas)
    .where(eq(replicas.name, name));
  await db
    .insert(replicas)
    .values({ name, seenAtMs: nowMs, heads: own })
    .onConflictDoUpdate({ target: replicas.name, set: { seenAtMs: nowMs, heads: own } });
  const rows = await db
    .select({ name: replicas.name, heads: replicas.heads })
    .from(replicas)
    .where(gt(replicas.seenAtMs, sql`${nowMs - seenMsMax}::bigint`))
    .limit(replicasMax);
  return {
    others: rows.filter((row) => row.name !== name),
    beforeMs: before?.seenAtMs ?? null,
  };
}
