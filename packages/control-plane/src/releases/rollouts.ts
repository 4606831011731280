import { newId } from '@sallyport/shared/ids';
import { newestRecordId } from '../store/access-records.ts';
import { lockNextPosition } from '../store/change-log.ts';
import { markVersion } from '../store/configuration.ts';
import type { Executor } from '../store/database.ts';
import { readDatabaseMs } from '../store/edge-status.ts';
import { putRelease, putReleaseEverywhere, readReleases } from '../store/releases.ts';
import { insertRollout, type RolloutRow, updateRollout } from '../store/rollouts.ts';
import type { StageSeen } from '../store/schema/index.ts';
import type { WriteTx } from '../store/write.ts';
import type { ReleaseSettings } from './settings.ts';

/** What moves a rollout. All of it inside `moveLane`, which tells the edges. */

export interface NewRollout {
  readonly version: number;
  readonly base: number;
  readonly settings: ReleaseSettings;
  /** For people. */
  readonly startedBy: string;
}

/** Begins a rollout with its first ring. */
export async function beginRollout(
  tx: WriteTx,
  { version, base, settings, startedBy }: NewRollout,
): Promise<RolloutRow> {
  const { rings, gates } = settings;
  const row: RolloutRow = {
    id: newId('rol'),
    version,
    base,
    state: 'running',
    rings,
    gates,
    stage: -1,
    stageReleasedAtMs: tx.nowMs,
    stageEpoch: 0,
    stageRev: 0,
    stageEnforcedAtMs: null,
    decisions: [],
    waiting: null,
    reason: null,
    startedBy,
    startedAtMs: tx.nowMs,
    endedAtMs: null,
  };
  await insertRollout(tx.db, row);
  await markVersion(tx.db, version, { state: 'releasing' });
  return nextStage(tx, row);
}

/** Releases the version to the next ring; after the last one the rollout is done. */
export async function nextStage(tx: WriteTx, row: RolloutRow): Promise<RolloutRow> {
  const stage = row.stage + 1;
  const ring = row.rings[stage];
  if (ring === undefined) {
    return updateRollout(tx.db, row.id, { state: 'done', waiting: null, endedAtMs: tx.nowMs });
  }
  if (stage === row.rings.length - 1) {
    await putReleaseEverywhere(tx.db, row.version, tx.nowMs);
    await markVersion(tx.db, row.version, { state: 'released' });
  } else await putRelease(tx.db, ring.name, row.version, tx.nowMs);
  const nowMs = await readDatabaseMs(tx.db);
  const { epoch, rev } = await lockNextPosition(tx.db, 'config');
  return updateRollout(tx.db, row.id, {
    stage,
    stageReleasedAtMs: nowMs,
    stageEpoch: epoch,
    stageRev: rev,
    stageEnforcedAtMs: null,
    decisions: [...row.decisions, await nothingSeen(tx.db, nowMs)],
    waiting: null,
  });
}

/** Goes back: every ring that the version was released to gets the base again. */
export async function rollBack(tx: WriteTx, row: RolloutRow, reason: string): Promise<RolloutRow> {
  for (const { ring, version } of await readReleases(tx.db)) {
    if (version === row.version) await putRelease(tx.db, ring, row.base, tx.nowMs);
  }
  await markVersion(tx.db, row.version, { state: 'rolled_back', stateReason: reason });
  return updateRollout(tx.db, row.id, {
    state: 'rolled_back',
    reason,
    waiting: null,
    endedAtMs: tx.nowMs,
  });
}

async function nothingSeen(db: Executor, nowMs: number): Promise<StageSeen> {
  const newest = await newestRecordId(db);
  const none = { decided: 0, denied: 0 };
  return {
    fromId: newest,
    afterId: newest,
    ring: none,
    control: none,
    lookedAtMs: nowMs,
    missing: {},
    waits: {},
  };
}
