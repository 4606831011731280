import type { Log } from '@sallyport/shared/log';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Database, Executor } from '../store/database.ts';
import { readDatabaseMs } from '../store/edge-status.ts';
import { runAsLeader } from '../store/leader-job.ts';
import type { Leader } from '../store/leases.ts';
import {
  findActiveRollout,
  noteProgress,
  type RolloutRow,
  updateRollout,
} from '../store/rollouts.ts';
import type { Actor, WriteTx } from '../store/write.ts';
import { attendanceOf } from './attendance.ts';
import { countOn, seenAtStage } from './decisions.ts';
import { type Gate, isFailure, isWait } from './gates/gate.ts';
import { gates as allGates } from './gates/index.ts';
import { moveLane } from './lane.ts';
import { type Move, nextMove } from './next-move.ts';
import { edgesByRing } from './ring-edges.ts';
import { nextStage, rollBack } from './rollouts.ts';
import { missingSince, waitedMs, withoutGap } from './watch.ts';

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
  readonly metrics: Registry;
  readonly log: Log;
}): { stop(): Promise<void> } {
  const { database, replica, metrics, log } = parts;
  const { moved, running } = createRolloutMetrics(metrics);
  return runAsLeader(
    { database, name: 'rollouts', holder: replica, everyMs, log },
    async (leader) => {
      const move = await moveOnce(leader);
      running(move !== null);
      if (move !== null) moved(move.kind);
      if (move !== null && move.kind !== 'stay') log.info('rollout.moved', { ...move });
    },
  );
}

/** What the replica that leads counts; the others say nothing of rollouts. */
function createRolloutMetrics(registry: Registry): {
  readonly moved: (kind: Move['kind']) => void;
  readonly running: (is: boolean) => void;
} {
  const registers = [registry];
  const moves = new Counter({
    name: 'sallyport_rollout_moves_total',
    help: 'What was done with rollouts: bake, next_ring, roll_back',
    labelNames: ['move'],
    registers,
  });
  const gauge = new Gauge({
    name: 'sallyport_rollout_running',
    help: 'Whether a rollout is under way, as the replica that moves it last saw',
    registers,
  });
  return {
    moved: (move) => {
      if (move !== 'stay') moves.inc({ move });
    },
    running: (is) => gauge.set(is ? 1 : 0),
  };
}

/** Somebody moved the rollout between looking and moving. */
class MovedMeanwhileError extends Error {}

/**
 * Looks at the rollout that is under way and moves it at the most one step. All that it knows is in
 * the database, so it does not matter who leads, or that nobody did for a while. null: there is none.
 */
export async function moveOnce(
  leader: Leader,
  gates: readonly Gate[] = allGates,
): Promise<Move | null> {
  const seen = await leader.run((db) => look(db, gates));
  if (seen === null) return null;
  const { rollout, move } = seen;
  if (move.kind === 'stay') return move;
  const action = { verb: verbs[move.kind], resource: 'rollout', resourceId: rollout.id };
  try {
    await leader.write(actor, action, (tx) =>
      moveLane(tx, async () => {
        const now = await findActiveRollout(tx.db);
        if (now === null || !isSame(now, rollout)) throw new MovedMeanwhileError();
        await carryOut(tx, now, move);
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
  gates: readonly Gate[],
): Promise<{ readonly rollout: RolloutRow; readonly move: Move } | null> {
  const found = await findActiveRollout(db);
  if (found === null) return null;
  const nowMs = await readDatabaseMs(db);
  const rollout = withoutGap(found, nowMs);
  const byRing = await edgesByRing(db, rollout.rings, nowMs);
  const rings = rollout.rings.map(({ name }) => byRing.get(name) ?? []);
  const edges = rings.slice(0, rollout.stage + 1).flat();
  const attendance = attendanceOf(rollout, edges, rings.slice(rollout.stage + 1).flat());
  const before = seenAtStage(rollout);
  const decisions = {
    ...before,
    ...(await countOn(db, rollout, new Set(edges.map(({ id }) => id)))),
    lookedAtMs: nowMs,
    missing: missingSince(before, attendance, nowMs),
  };
  const context = { db, rollout, edges, decisions, attendance, nowMs };
  const results = [];
  const waits: Record<string, number> = {};
  for (const gate of gates) {
    const soFarMs = waitedMs(before, gate.name, nowMs);
    const result = await gate.check({ ...context, waitedMs: soFarMs });
    results.push({ gate: gate.name, result });
    if (isWait(result)) waits[gate.name] = nowMs - soFarMs;
    // The others are not needed any more, and could only be in the way.
    if (isFailure(result)) break;
  }
  const move = nextMove({ rollout, edges: rings[rollout.stage] ?? [], gates: results, nowMs });
  await noteProgress(db, rollout, {
    decisions: rollout.decisions.with(rollout.stage, { ...decisions, waits }),
    waiting: move.kind === 'stay' ? move.waiting : null,
    stageReleasedAtMs: rollout.stageReleasedAtMs,
    stageEnforcedAtMs: rollout.stageEnforcedAtMs,
  });
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
): Promise<void> {
  const { id, version } = rollout;
  switch (move.kind) {
    case 'bake':
      await updateRollout(tx.db, id, { stageEnforcedAtMs: await readDatabaseMs(tx.db) });
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
