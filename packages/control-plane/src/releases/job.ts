import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { Database, Executor } from '../store/database.ts';
import { runAsLeader } from '../store/leader-job.ts';
import type { Leader } from '../store/leases.ts';
import {
  findActiveRollout,
  noteProgress,
  type RolloutRow,
  updateRollout,
} from '../store/rollouts.ts';
import type { Actor, WriteTx } from '../store/write.ts';
import { countOn } from './decisions.ts';
import type { Gate } from './gates/gate.ts';
import { gates as allGates } from './gates/index.ts';
import { moveLane } from './lane.ts';
import { type Move, nextMove } from './next-move.ts';
import { edgesByRing } from './ring-edges.ts';
import { nextStage, rollBack } from './rollouts.ts';

const everyMs = 1_000;

const actor: Actor = {
  kind: 'system',
  id: 'rollouts',
  label: 'rollouts',
  requestId: '',
  sourceAddress: '',
};

/** Starts moving rollouts, on one replica of all. `replica`: its name. */
export function startRollouts(parts: {
  readonly database: Database;
  readonly replica: string;
  readonly clock: Clock;
  readonly log: Log;
}): { stop(): Promise<void> } {
  const { database, replica, clock, log } = parts;
  return runAsLeader(
    { database, name: 'rollouts', holder: replica, everyMs, log },
    async (leader) => {
      const move = await moveOnce(leader, clock());
      if (move !== null && move.kind !== 'stay') log.info('rollout.moved', { ...move });
    },
  );
}

/** Somebody moved the rollout between looking and moving. */
class MovedMeanwhileError extends Error {}

/**
 * Looks at the rollout that is under way and moves it at the most one step. All that it knows is in
 * the database, so it does not matter who leads, or that nobody did for a while. null: there is none.
 */
export async function moveOnce(
  leader: Leader,
  nowMs: number,
  gates: readonly Gate[] = allGates,
): Promise<Move | null> {
  const seen = await leader.run((db) => look(db, nowMs, gates));
  if (seen === null) return null;
  const { rollout, move } = seen;
  if (move.kind === 'stay') return move;
  const action = { verb: verbs[move.kind], resource: 'rollout', resourceId: rollout.id };
  try {
    await leader.write(actor, action, (tx) =>
      moveLane(tx, async () => {
        const now = await findActiveRollout(tx.db);
        if (now === null || !isSame(now, rollout)) throw new MovedMeanwhileError();
        await carryOut(tx, now, move, nowMs);
      }),
    );
  } catch (error) {
    if (!(error instanceof MovedMeanwhileError)) throw error;
    return null;
  }
  return move;
}

const verbs = { bake: 'bake', next_ring: 'promote', roll_back: 'roll_back' } as const;

async function look(
  db: Executor,
  nowMs: number,
  gates: readonly Gate[],
): Promise<{ readonly rollout: RolloutRow; readonly move: Move } | null> {
  const rollout = await findActiveRollout(db);
  if (rollout === null) return null;
  const byRing = await edgesByRing(db, rollout.rings, nowMs);
  const reached = rollout.rings
    .slice(0, rollout.stage + 1)
    .map(({ name }) => byRing.get(name) ?? []);
  const counted = await countOn(db, rollout, new Set(reached.flat().map(({ id }) => id)));
  const context = { db, rollout, edges: reached.flat(), decisions: counted, nowMs };
  const results = [];
  for (const gate of gates) {
    results.push({ gate: gate.name, result: await gate.check(context) });
  }
  const move = nextMove({ rollout, edges: reached.at(-1) ?? [], gates: results, nowMs });
  const waiting = move.kind === 'stay' ? move.waiting : null;
  const decisions = rollout.decisions.with(rollout.stage, counted);
  if (
    waiting !== rollout.waiting ||
    counted.afterId !== rollout.decisions[rollout.stage]?.afterId
  ) {
    await noteProgress(db, rollout, { decisions, waiting });
  }
  return { rollout, move };
}

/** Whether it is still at the place that was looked at. */
function isSame(now: RolloutRow, seen: RolloutRow): boolean {
  return (
    now.id === seen.id &&
    now.stage === seen.stage &&
    now.state === seen.state &&
    now.stageEnforcedAtMs === seen.stageEnforcedAtMs
  );
}

async function carryOut(
  tx: WriteTx,
  rollout: RolloutRow,
  move: Exclude<Move, { kind: 'stay' }>,
  nowMs: number,
): Promise<void> {
  const { id, version } = rollout;
  switch (move.kind) {
    case 'bake':
      await updateRollout(tx.db, id, { stageEnforcedAtMs: nowMs });
      tx.describe(id, { version, ring: rollout.rings[rollout.stage]?.name });
      return;
    case 'next_ring': {
      const { stage, state } = await nextStage(tx, rollout);
      tx.describe(id, { version, state, ring: rollout.rings[stage]?.name });
      return;
    }
    case 'roll_back':
      await rollBack(tx, rollout, move.reason);
      tx.describe(id, { version, reason: move.reason });
      return;
  }
}
