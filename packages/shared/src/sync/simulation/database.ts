import type { Lane, Position, RevokeOp } from '../../state/model.ts';
import { blockKey } from '../denials.ts';
import type { FrameMessage } from '../messages.ts';
import { bodySha256 } from '../signing.ts';
import { encodeOps, generationKey, type ModelOp, ModelRows } from './model-rows.ts';

/** The lanes of the model: one that takes access away, and one that is large and only has rows. */
export const modelLanes = ['revoke', 'directory'] as const satisfies readonly Lane[];
export type ModelLane = (typeof modelLanes)[number];

export interface Revision {
  readonly frame: FrameMessage;
  readonly sha256: Uint8Array;
  readonly ops: readonly ModelOp[];
  readonly committedAtMs: number;
}

interface LaneLog {
  epoch: number;
  forkedAt: Position | null;
  /** Of the epoch, from revision 1 on. */
  revisions: Revision[];
  /** Revisions up to this one are compacted away. */
  floor: number;
  /** The rows at the start of the epoch. */
  base: ModelRows;
  rows: ModelRows;
}

export interface Backup {
  readonly lanes: Record<ModelLane, LaneLog>;
  readonly lifted: ReadonlySet<string>;
}

/** One database: a gapless log per lane, which may lose its end. */
export class Database {
  up = true;
  /** Blocks that were lifted, as far as this database remembers. */
  #lifted = new Set<string>();
  readonly #nowMs: () => number;
  readonly #onCommit: (lane: ModelLane, revision: Revision) => void;
  readonly #onRaise: () => void;
  #lanes: Record<ModelLane, LaneLog>;
  #newestEpoch = 0;
  /** Revisions of the epochs before. */
  readonly #past: Revision[] = [];

  constructor(parts: {
    readonly nowMs: () => number;
    readonly onCommit: (lane: ModelLane, revision: Revision) => void;
    readonly onRaise: () => void;
  }) {
    this.#nowMs = parts.nowMs;
    this.#onCommit = parts.onCommit;
    this.#onRaise = parts.onRaise;
    const log = (): LaneLog => ({
      epoch: 1,
      forkedAt: null,
      revisions: [],
      floor: 0,
      base: new ModelRows(),
      rows: new ModelRows(),
    });
    this.#lanes = { revoke: log(), directory: log() };
  }

  head(lane: ModelLane): Position {
    const { epoch, revisions } = this.#lanes[lane];
    return { epoch, rev: revisions.length };
  }

  forkedAt(lane: ModelLane): Position | null {
    return this.#lanes[lane].forkedAt;
  }

  floor(lane: ModelLane): number {
    return this.#lanes[lane].floor;
  }

  rows(lane: ModelLane): ModelRows {
    return this.#lanes[lane].rows;
  }

  /** null: not of this history, or compacted away. */
  revision(lane: ModelLane, { epoch, rev }: Position): Revision | null {
    const log = this.#lanes[lane];
    if (log.epoch !== epoch || rev <= log.floor) return null;
    return log.revisions[rev - 1] ?? null;
  }

  commit(lane: ModelLane, ops: readonly ModelOp[]): Revision {
    const log = this.#lanes[lane];
    const prevRev = log.revisions.length;
    const body = encodeOps(ops);
    const frame: FrameMessage = {
      lane,
      epoch: log.epoch,
      prevRev,
      rev: prevRev + 1,
      body,
      keyId: 'key',
      signature: new Uint8Array(),
    };
    const revision = { frame, sha256: bodySha256(body), ops, committedAtMs: this.#nowMs() };
    log.revisions.push(revision);
    log.rows.apply(ops);
    for (const op of ops) if (op.op === 'lifted_block') this.#lifted.add(blockKey(op));
    this.#onCommit(lane, revision);
    return revision;
  }

  generation(scope: 'global' | 'user', subjectId: string): number {
    const row = this.rows('revoke').get(generationKey(scope, subjectId));
    return row?.op === 'generation' ? row.value : 1;
  }

  compact(lane: ModelLane, keep: number): void {
    const log = this.#lanes[lane];
    log.floor = Math.max(log.floor, log.revisions.length - keep);
  }

  /** Each lane forgets up to so many of its last commits of this epoch; what is lost is returned. */
  loseTail(revisions: number): Revision[] {
    return modelLanes.flatMap((lane) => {
      const log = this.#lanes[lane];
      // The epoch and its first revision are one transaction.
      const first = lane === 'revoke' && log.forkedAt !== null ? 1 : 0;
      const keep = Math.max(log.revisions.length - revisions, log.floor, first);
      const lost = log.revisions.splice(keep);
      log.rows = log.base.copy();
      for (const { ops } of log.revisions) log.rows.apply(ops);
      for (const op of lost.flatMap(({ ops }) => ops)) {
        if (op.op === 'lifted_block') this.#lifted.delete(blockKey(op));
      }
      return lost;
    });
  }

  /** As it is now, for `putBack`. */
  backUp(): Backup {
    return { lanes: copyLanes(this.#lanes), lifted: new Set(this.#lifted) };
  }

  /** Returns the revisions that are lost with it. */
  putBack(backup: Backup): Revision[] {
    const kept = new Set(modelLanes.flatMap((lane) => backup.lanes[lane].revisions));
    const lost = modelLanes.flatMap((lane) =>
      [...this.#past, ...this.#lanes[lane].revisions].filter((revision) => !kept.has(revision)),
    );
    this.#lanes = copyLanes(backup.lanes);
    this.#lifted = new Set(backup.lifted);
    return lost;
  }

  /** All lanes go on in a new epoch, later than `above`, and everybody signs in again. */
  raiseEpoch(above = 0): void {
    // Time goes on, also where this model has many raises in one instant.
    const nowMs = Math.max(this.#newestEpoch, this.#nowMs());
    const epoch = Math.max(this.head('revoke').epoch, above, nowMs) + 1;
    this.#newestEpoch = epoch;
    for (const lane of modelLanes) {
      const log = this.#lanes[lane];
      log.forkedAt = this.head(lane);
      this.#past.push(...log.revisions);
      log.epoch = epoch;
      log.revisions = [];
      log.floor = 0;
      log.base = log.rows.copy();
    }
    this.#onRaise();
    // No restored database can come to a generation that was in use before: it has the time in it.
    const value = Math.max(this.generation('global', ''), epoch) + 1;
    this.commit('revoke', [{ op: 'generation', scope: 'global', subjectId: '', value }]);
  }

  /** Blocks that an edge still enforces: taken up, or lifted once more. */
  adopt(blocks: readonly Extract<RevokeOp, { op: 'block' }>[]): void {
    const ops = blocks.flatMap((block): RevokeOp[] => {
      if (this.rows('revoke').get(blockKey(block)) !== null) return [];
      const { revocationId, kind, subjectId } = block;
      const lifted = this.#lifted.has(blockKey(block));
      return lifted ? [{ op: 'lifted_block', revocationId, kind, subjectId }] : [block];
    });
    if (ops.length > 0) this.commit('revoke', ops);
  }
}

function copyLanes(lanes: Record<ModelLane, LaneLog>): Record<ModelLane, LaneLog> {
  return { revoke: copyLog(lanes.revoke), directory: copyLog(lanes.directory) };
}

function copyLog(log: LaneLog): LaneLog {
  const { revisions, base, rows } = log;
  return { ...log, revisions: [...revisions], base: base.copy(), rows: rows.copy() };
}
