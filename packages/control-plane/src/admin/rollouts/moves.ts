import { moveLane } from '../../releases/lane.ts';
import { nextStage, rollBack } from '../../releases/rollouts.ts';
import type { Executor } from '../../store/database.ts';
import { findRollout, type RolloutRow, updateRollout } from '../../store/rollouts.ts';
import type { WriteTx } from '../../store/write.ts';
import { conflict, notFound } from '../http/problems.ts';

/** What a person does with a rollout that is under way. */
interface ByHand {
  readonly verb: 'promote' | 'pause' | 'resume' | 'abort';
  readonly summary: string;
  readonly move: (tx: WriteTx, id: string, said: Said) => Promise<RolloutRow>;
}

interface Said {
  /** For people. */
  readonly by: string;
  readonly reason: string;
  /** The ring that it is thought to be in; null: whichever. */
  readonly ring: string | null;
}

/** One kind, one row. */
export const moves: readonly ByHand[] = [
  {
    verb: 'promote',
    summary: 'Go on to the next ring now, whatever is waited for',
    move: (tx, id, { ring }) =>
      moveActive(tx, id, async (row) => {
        requireRing(row, ring);
        const next = await nextStage(tx, row);
        tx.describe(id, { version: row.version, ring: next.rings[next.stage]?.name });
        return next;
      }),
  },
  {
    verb: 'pause',
    summary: 'Stay at this ring; a gate that fails still takes the version back',
    move: (tx, id, { by }) =>
      moveActive(tx, id, async (row) => {
        if (row.state === 'paused') throw conflict('it is paused already');
        return updateRollout(tx.db, id, { state: 'paused', waiting: `paused by ${by}` });
      }),
  },
  {
    verb: 'resume',
    summary: 'Go on after a pause',
    move: (tx, id) =>
      moveActive(tx, id, async (row) => {
        if (row.state === 'running') throw conflict('it is not paused');
        return updateRollout(tx.db, id, { state: 'running', waiting: null });
      }),
  },
  {
    verb: 'abort',
    summary: 'Take the version back from every ring it has reached',
    move: (tx, id, { by, reason }) =>
      moveActive(tx, id, async (row) => {
        const why = reason === '' ? `aborted by ${by}` : `aborted by ${by}: ${reason}`;
        tx.describe(id, { version: row.version, reason: why });
        return rollBack(tx, row, why);
      }),
  },
];

async function moveActive(
  tx: WriteTx,
  id: string,
  move: (row: RolloutRow) => Promise<RolloutRow>,
): Promise<RolloutRow> {
  return moveLane(tx, async () => move(await findMoving(tx.db, id)));
}

/** The job may have gone on in the meantime: the next ring is not skipped by mistake. */
function requireRing({ rings, stage }: RolloutRow, ring: string | null): void {
  const current = rings[stage]?.name ?? '';
  if (ring === null || ring === current) return;
  throw conflict(`it is in ring ${current} by now, not in ${ring}`);
}

async function findMoving(db: Executor, id: string): Promise<RolloutRow> {
  const row = await findRollout(db, id);
  if (row === null) throw notFound();
  if (row.endedAtMs !== null) throw conflict('the rollout has ended');
  return row;
}
