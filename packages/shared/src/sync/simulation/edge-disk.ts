import type { Position } from '../../state/model.ts';
import type { Carried } from '../carried-denials.ts';
import type { FrameMessage, FrameProof } from '../messages.ts';
import { comparePositions } from '../position.ts';
import type { ModelLane } from './database.ts';
import { decodeOps, ModelRows } from './model-rows.ts';

interface Checkpoint {
  readonly position: Position;
  readonly rows: ModelRows;
}

interface LaneFiles {
  checkpoint: Checkpoint | null;
  older: Checkpoint | null;
  journal: FrameMessage[];
  proof: FrameProof | null;
  mark: Position | null;
  asOfMs: number | null;
}

/** What an edge finds after a restart: rows at a position, the frames since, and marks. */
export class EdgeDisk {
  carried: Carried = { epoch: 0, denials: [] };
  /** Frames whose denials are enforced ahead of their turn. */
  early: readonly { readonly frame: FrameMessage; readonly sha256: Uint8Array }[] = [];
  readonly #lanes = new Map<ModelLane, LaneFiles>();

  files(lane: ModelLane): LaneFiles {
    const known = this.#lanes.get(lane);
    if (known !== undefined) return known;
    const files: LaneFiles = {
      checkpoint: null,
      older: null,
      journal: [],
      proof: null,
      mark: null,
      asOfMs: null,
    };
    this.#lanes.set(lane, files);
    return files;
  }

  append(lane: ModelLane, frame: FrameMessage, proof: FrameProof): void {
    const files = this.files(lane);
    files.journal.push(frame);
    files.proof = proof;
    this.#mark(files, frame);
  }

  checkpoint(lane: ModelLane, position: Position, rows: ModelRows, proof: FrameProof | null): void {
    const files = this.files(lane);
    files.older = files.checkpoint;
    files.checkpoint = { position, rows: rows.copy() };
    files.journal = [];
    files.proof = proof;
    this.#mark(files, position);
  }

  /** The head is null where there is nothing to begin with. */
  load(lane: ModelLane): {
    readonly head: Position | null;
    readonly rows: ModelRows;
    readonly files: LaneFiles;
  } {
    const files = this.files(lane);
    const rows = files.checkpoint?.rows.copy() ?? new ModelRows();
    let head = files.checkpoint?.position ?? null;
    for (const { body, epoch, rev } of files.journal) {
      rows.apply(decodeOps(body));
      head = { epoch, rev };
    }
    return { head, rows, files };
  }

  /** A part is broken: what is there is not used. */
  lose(lane: ModelLane): void {
    const files = this.files(lane);
    files.checkpoint = null;
    files.journal = [];
    files.proof = null;
    files.asOfMs = null;
  }

  /** Somebody puts an older copy back; the marks are elsewhere. */
  putBack(lane: ModelLane): void {
    const files = this.files(lane);
    if (files.older === null) return;
    files.checkpoint = files.older;
    files.journal = [];
  }

  #mark(files: LaneFiles, { epoch, rev }: Position): void {
    const at = { epoch, rev };
    if (files.mark === null || comparePositions(at, files.mark) > 0) files.mark = at;
  }
}
