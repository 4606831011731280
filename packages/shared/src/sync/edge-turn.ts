import type { Position } from '../state/model.ts';
import { newestEarly } from './early-frames.ts';
import type {
  AlarmName,
  EdgeLane,
  EdgeLaneEffect,
  EdgeLaneStep,
  PathState,
  Problem,
  StreamPath,
} from './edge-lane-model.ts';
import type { FrameMessage, FrameProof, LanePosition, PathName } from './messages.ts';

/** One step of an edge's lane in the making: the state so far, and the effects so far, in order. */
export class Turn {
  readonly nowMs: number;
  readonly #effects: EdgeLaneEffect[] = [];
  #state: EdgeLane;

  constructor(state: EdgeLane, nowMs: number) {
    this.#state = state;
    this.nowMs = nowMs;
  }

  get state(): EdgeLane {
    return this.#state;
  }

  set(change: Partial<EdgeLane>): void {
    this.#state = { ...this.#state, ...change };
  }

  setPath(path: StreamPath, change: Partial<PathState>): void {
    const { paths } = this.#state;
    this.set({ paths: { ...paths, [path]: { ...paths[path], ...change } } });
  }

  emit(effect: EdgeLaneEffect): void {
    this.#effects.push(effect);
  }

  alarm(name: AlarmName, path: PathName | null, detail: string): void {
    this.emit({ type: 'alarm', name, path, detail });
  }

  /** `path`: where the refused thing came from; by NATS nobody can be answered. */
  nack(path: PathName, position: Position, problem: Problem, refusedSha256: Uint8Array): void {
    this.emit({
      type: 'nack',
      path: isStream(path) ? path : null,
      nack: { lane: this.#state.lane, position, ...problem, refusedSha256 },
    });
  }

  end(): EdgeLaneStep {
    return { state: this.#state, effects: this.#effects };
  }
}

export function isStream(path: PathName): path is StreamPath {
  return path === 'grpc' || path === 'standby';
}

export const streamPaths: readonly StreamPath[] = ['grpc', 'standby'];

export const noBytes: Uint8Array = new Uint8Array();

export const closedPath: PathState = {
  phase: { kind: 'closed' },
  notBeforeMs: 0,
  heardAtMs: 0,
  beaten: false,
  late: false,
  beatsBehindUs: 0,
  owed: null,
  retails: 0,
  seen: null,
};

/** What Hello says of the lane. */
export function laneHello(state: EdgeLane): LanePosition {
  const { lane, head, proof, streamProof, fresh } = state;
  if (fresh) return { lane, position: null, proof: streamProof ?? proof, headProof: null };
  const newest = newestAhead(state);
  if (newest === null) return { lane, position: head, proof, headProof: null };
  // After a restore that nobody declared, the two may be of different histories.
  return { lane, position: head, proof: newest, headProof: proof };
}

/**
 * What waits ahead of a gap, or is enforced early, is signed as well: a database that lacks it has
 * lost history.
 */
function newestAhead({ head, ahead, early }: EdgeLane): FrameProof | null {
  if (head === null) return null;
  const enforced = newestEarly(early, head.epoch)?.proof ?? null;
  const newest = ahead.get(Math.max(...ahead.keys()));
  if (newest === undefined || newest.frame.epoch !== head.epoch) return enforced;
  if (enforced !== null && enforced.rev > newest.frame.rev) return enforced;
  return proofOf(newest.frame, newest.sha256);
}

export function proofOf(frame: FrameMessage, sha256: Uint8Array): FrameProof {
  const { epoch, prevRev, rev, keyId, signature } = frame;
  return { epoch, prevRev, rev, bodySha256: sha256, keyId, signature };
}

/** Gives a stream up. Until it is opened again, nothing that it still brings is asked of it. */
export function endPath(
  turn: Turn,
  path: StreamPath,
  reason: AlarmName | 'redirect' | 'behind',
  next: boolean,
): void {
  if (turn.state.paths[path].phase.kind === 'closed') return;
  turn.emit({ type: 'end_path', path, reason, next });
  closePath(turn, path);
}

export function closePath(turn: Turn, path: StreamPath): void {
  turn.setPath(path, closedPath);
  stopFetching(turn, path);
}

/** What was being fetched by this stream is kept, for the next manifest. */
export function stopFetching(turn: Turn, path: StreamPath): void {
  const { staging } = turn.state;
  if (staging?.path !== path) return;
  turn.set({ staging: { ...staging, path: null, sinceMs: turn.nowMs, open: null } });
}

/** Starts the lane again on an open stream, from what we have. */
export function sayHello(turn: Turn, path: StreamPath): void {
  // The stream itself lives on: what was heard on it, and what was asked in vain, still counts.
  const { retails, notBeforeMs, heardAtMs, beaten, late } = turn.state.paths[path];
  closePath(turn, path);
  turn.setPath(path, {
    ...closedPath,
    phase: { kind: 'greeting', sinceMs: turn.nowMs },
    retails,
    notBeforeMs,
    heardAtMs,
    beaten,
    late,
  });
  turn.emit({ type: 'hello', path, have: laneHello(turn.state) });
}

/** The stream to be asked: one that follows, else one that waits; null: none can be. */
export function askablePath({ paths }: EdgeLane): StreamPath | null {
  const phase = (path: StreamPath) => paths[path].phase.kind;
  return (
    streamPaths.find((path) => phase(path) === 'tail') ??
    streamPaths.find((path) => phase(path) === 'waiting') ??
    null
  );
}
