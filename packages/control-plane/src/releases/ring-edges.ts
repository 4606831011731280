import type { Executor } from '../store/database.ts';
import { type KnownEdge, readKnownEdges } from '../store/edge-status.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import type { RolloutRing } from '../store/schema/index.ts';
import { ringOf } from './settings.ts';

/** Without a word for longer, an edge is not waited for: it follows when it is back. */
export const seenMsMax = 15_000;

/** The edges that take part, by the ring they are in. */
export async function edgesByRing(
  db: Executor,
  rings: readonly RolloutRing[],
  nowMs: number,
): Promise<ReadonlyMap<string, readonly KnownEdge[]>> {
  const found = new Map<string, KnownEdge[]>(rings.map(({ name }) => [name, []]));
  for (const edge of await readKnownEdges(db, nowMs)) {
    if (!edge.blocked) found.get(ringOf(rings, edge.labels))?.push(edge);
  }
  return found;
}

/** When a replica last saw the edge, on the database's clock; -Infinity: never. */
export function seenAtMs({ report }: KnownEdge): number {
  return report?.seenAtMs ?? Number.NEGATIVE_INFINITY;
}

/** Whether the edge is there now. What a clock that was set back calls the future says nothing. */
export function isConnected(edge: KnownEdge): boolean {
  return Math.abs(edge.databaseMs - seenAtMs(edge)) <= seenMsMax;
}

/** Whether the edge enforces the release of the rollout's stage. A later epoch begins with it. */
export function enforces(
  { positions }: KnownEdge,
  { stageEpoch, stageRev }: Pick<RolloutRow, 'stageEpoch' | 'stageRev'>,
): boolean {
  const enforced = positions?.config?.enforced ?? null;
  if (enforced === null) return false;
  return enforced.epoch > stageEpoch || (enforced.epoch === stageEpoch && enforced.rev >= stageRev);
}

/** What the edge last refused of the config lane, if it has enforced nothing since. */
export function refusalOf({ report }: KnownEdge): {
  readonly code: string;
  readonly detail: string;
} | null {
  return report?.lanes.config?.nack ?? null;
}
