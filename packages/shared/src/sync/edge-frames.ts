import { hex, sameBytes } from '../bytes.ts';
import type { Position } from '../state/model.ts';
import { addEarly, dropEarly, hasEarly, hasOtherEarly, hasRoom } from './early-frames.ts';
import type { Ahead, EdgeLane, EdgeLaneEvent, Problem } from './edge-lane-model.ts';
import { edgeLimits } from './edge-limits.ts';
import { requestResync, takeUpHeld } from './edge-resync.ts';
import { endPath, isStream, noBytes, proofOf, streamPaths, type Turn } from './edge-turn.ts';
import { recall, remember } from './lane-history.ts';
import type { FrameMessage, PathName } from './messages.ts';
import { comparePositions } from './position.ts';
import { verdictAlarm } from './verdict-alarm.ts';
import type { Verdict } from './verification-keys.ts';

/** Frames, by whichever path, and what became of the one that was being applied. */

type FrameEvent = Extract<EdgeLaneEvent, { type: 'frame' }>;

export function onFrame(turn: Turn, event: FrameEvent): void {
  const { frame, sha256, path, verdict } = event;
  if (verdict !== 'ok') return refuseSignature(turn, path, verdict, frame, sha256);
  if (frame.rev !== frame.prevRev + 1 || frame.lane !== turn.state.lane) {
    const detail = `revision ${frame.rev} after ${frame.prevRev}`;
    turn.alarm('unexpected', path, detail);
    return turn.nack(path, frame, { code: 'SCHEMA', detail }, sha256);
  }
  const { mark } = turn.state;
  if (mark !== null && frame.epoch < mark.epoch) return onOldEpoch(turn, path, frame);
  const arrival = { frame, sha256, path };
  if (isIdleRepeat(turn.state, frame, sha256)) return noteSeen(turn, path, frame);
  if (isBehind(turn.state.head, frame)) onKnown(turn, arrival);
  else onNew(turn, arrival);
  noteSeen(turn, path, frame);
}

/** Whether the bytes are already ours: then the signature need not be verified to drop them. */
export function isKnownFrame(state: EdgeLane, frame: FrameMessage, sha256: Uint8Array): boolean {
  if (isIdleRepeat(state, frame, sha256)) return true;
  const known = recall(state.history, frame.epoch, frame.rev);
  return known !== null && known.sha256 !== null && sameBytes(known.sha256, sha256);
}

/** The shell has applied the frame: it is the head, and those that waited for it follow. */
export function onApplied(turn: Turn, digest: Uint8Array | null): void {
  const { applying, history } = turn.state;
  if (applying === null) return;
  const { frame, sha256, path } = applying;
  const { epoch, rev } = frame;
  turn.set({
    applying: null,
    proof: proofOf(frame, sha256),
    history: remember(history, epoch, { rev, sha256, digest, atMs: turn.nowMs }),
    gapSinceMs: turn.state.ahead.size > 0 ? turn.nowMs : null,
  });
  noteStreamProof(turn, path, frame, sha256);
  // Enforced early was a frame of another history, perhaps before a restart.
  const isFork = hasOtherEarly(turn.state.early, frame, hex(sha256));
  reachHead(turn, { epoch, rev }, isFork);
  if (isFork) onForkBehind(turn, path, frame);
  confirmProvisionals(turn, hex(sha256));
  applyNext(turn);
  takeUpHeld(turn);
}

/** The shell has not taken the frame. The last good state goes on serving. */
export function onApplyRefused(turn: Turn, problem: Problem): void {
  const { applying } = turn.state;
  if (applying === null) return;
  const { frame, sha256, path } = applying;
  turn.set({ applying: null, stuck: true, ahead: new Map(), gapSinceMs: null });
  noteRefused(turn, hex(sha256), problem);
  turn.alarm('refused', path, `${problem.code}: ${problem.detail}`);
  turn.nack(path, frame, problem, sha256);
  takeUpHeld(turn);
}

/**
 * The head has moved, by a frame or by shards. `carry`: nothing shows that the rows are of the history
 * of what was enforced early.
 */
export function reachHead(turn: Turn, head: Position, carry: boolean): void {
  const { early, mark } = turn.state;
  const left = dropEarly(early, head);
  turn.set({
    head: { epoch: head.epoch, rev: head.rev },
    headSinceMs: turn.nowMs,
    mark: mark !== null && comparePositions(mark, head) > 0 ? mark : head,
  });
  if (left === early) return;
  turn.set({ early: left });
  turn.emit({ type: 'drop_early', upTo: head, carry });
}

/** Applies the frame that follows the head, if it has come and nothing stands in its way. */
export function applyNext(turn: Turn): void {
  const { head, ahead } = turn.state;
  if (head === null || !isFree(turn.state) || ahead.size === 0) return;
  const next = ahead.get(head.rev + 1);
  const rest = new Map([...ahead].filter(([rev]) => rev > head.rev + 1));
  turn.set({ ahead: rest, gapSinceMs: rest.size === 0 ? null : turn.state.gapSinceMs });
  if (next !== undefined && next.frame.epoch === head.epoch) apply(turn, next);
  else if (next !== undefined) turn.set({ ahead: new Map(), gapSinceMs: null });
}

/** A stream follows: what waited for that goes on. */
export function followUp(turn: Turn): void {
  applyNext(turn);
  const { ahead, gapSinceMs } = turn.state;
  if (ahead.size > 0 && gapSinceMs === null && isFree(turn.state)) {
    turn.set({ gapSinceMs: turn.nowMs });
  }
}

export function noteRefused(turn: Turn, sha256: string, { code }: Problem): void {
  const others = turn.state.refused.filter((one) => one.sha256 !== sha256);
  turn.set({ refused: [...others, { sha256, code }].slice(-edgeLimits.refusedMax) });
}

export function isFetching(staging: EdgeLane['staging']): boolean {
  return staging !== null && staging.path !== null;
}

/** Whether the next frame may be applied now. */
function isFree(state: EdgeLane): boolean {
  const { applying, swapping, stuck, staging } = state;
  return applying === null && !swapping && !stuck && !isFetching(staging) && !isInDoubt(state);
}

/**
 * Replicas are there, and none has said yet that our head is of its history. What another path
 * brings then may go on from a head that only has the same number as ours.
 */
function isInDoubt({ paths }: EdgeLane): boolean {
  const kinds = streamPaths.map((path) => paths[path].phase.kind);
  return !kinds.includes('tail') && kinds.some((kind) => kind !== 'closed');
}

function refuseSignature(
  turn: Turn,
  path: PathName,
  verdict: Exclude<Verdict, 'ok'>,
  frame: FrameMessage,
  sha256: Uint8Array,
): void {
  const alarm = verdictAlarm(verdict);
  turn.alarm(alarm, path, `${verdict}: a frame`);
  const problem: Problem = { code: 'SIGNATURE', detail: verdict };
  if (isStream(path)) {
    turn.nack(path, frame, problem, sha256);
    return endPath(turn, path, alarm, true);
  }
  if (turn.nowMs - turn.state.natsNackedAtMs < edgeLimits.natsNackMs) return;
  turn.set({ natsNackedAtMs: turn.nowMs });
  turn.nack(path, frame, problem, noBytes);
}

/** A stream's replica that has not heard of the new epoch goes on for a while; others do not. */
function onOldEpoch(turn: Turn, path: PathName, { epoch, rev }: FrameMessage): void {
  turn.alarm(isStream(path) ? 'rollback' : 'replay', path, `revision ${rev} of the epoch ${epoch}`);
}

function isBehind(head: Position | null, frame: FrameMessage): boolean {
  return head !== null && frame.epoch === head.epoch && frame.rev <= head.rev;
}

/** At or behind the head: nothing to do, unless the bytes are others than those that we took. */
function onKnown(turn: Turn, { frame, sha256, path }: Ahead): void {
  const known = recall(turn.state.history, frame.epoch, frame.rev);
  if (known !== null && known.sha256 !== null && !sameBytes(known.sha256, sha256)) {
    return onFork(turn, path, frame);
  }
  // The head came as shards, and here is a signature for it.
  if (known?.sha256 === null && frame.rev === turn.state.head?.rev) {
    turn.set({ proof: proofOf(frame, sha256) });
  }
  if (known !== null) noteStreamProof(turn, path, frame, sha256);
  if (isReplay(turn, path, frame, known?.atMs ?? null)) {
    turn.alarm('replay', path, `revision ${frame.rev}`);
  }
}

/** A stream never goes back behind itself; other paths may repeat what is fresh. */
function isReplay(
  turn: Turn,
  path: PathName,
  frame: FrameMessage,
  takenMs: number | null,
): boolean {
  if (!isStream(path)) return takenMs === null || turn.nowMs - takenMs > edgeLimits.replayMs;
  const { seen } = turn.state.paths[path];
  return seen !== null && comparePositions(frame, seen) <= 0;
}

/** A stream's frames are of one history: what a replica compares when rows turn out to differ. */
function noteStreamProof(
  turn: Turn,
  path: PathName,
  frame: FrameMessage,
  sha256: Uint8Array,
): void {
  const { streamProof } = turn.state;
  if (!isStream(path) || (streamProof !== null && comparePositions(frame, streamProof) <= 0))
    return;
  turn.set({ streamProof: proofOf(frame, sha256) });
}

function onFork(turn: Turn, path: PathName, { epoch, rev }: FrameMessage): void {
  turn.alarm('fork', path, `another revision ${rev} of the epoch ${epoch}`);
  // The first Hello goes out with our proof, so that the replica sees that history was lost; rows
  // are compared whole if that did not help.
  const again = turn.state.forked;
  turn.set({ forked: true });
  requestResync(turn, again);
}

/** Our proof is of the replica's own history: only the rows can tell, and they are compared whole. */
function onForkBehind(turn: Turn, path: PathName, { epoch, rev }: FrameMessage): void {
  turn.alarm('fork', path, `another revision ${rev} of the epoch ${epoch} was enforced early`);
  turn.set({ forked: true });
  requestResync(turn, true);
}

function onNew(turn: Turn, arrival: Ahead): void {
  const { head, applying } = turn.state;
  const { frame } = arrival;
  if (frame.epoch === head?.epoch && frame.rev === head.rev + 1) {
    const refused = turn.state.refused.find((one) => one.sha256 === hex(arrival.sha256));
    if (refused !== undefined) return refuseAgain(turn, arrival, refused.code);
    // It was something else that was refused, a shard of a stream that has ended.
    turn.set({ stuck: false });
    if (isFree(turn.state)) return apply(turn, arrival);
  }
  // A second copy of what is just being applied, or differs from it: it is told when it is known.
  if (applying?.frame.rev === frame.rev && applying.frame.epoch === frame.epoch) return;
  enforceEarly(turn, arrival);
  keepAhead(turn, arrival);
}

/** A replica that does not know of our NACK yet is told once more; the bytes are not taken. */
function refuseAgain(turn: Turn, { frame, sha256, path }: Ahead, code: Problem['code']): void {
  turn.set({ stuck: true });
  if (isStream(path)) turn.nack(path, frame, { code, detail: 'refused before' }, sha256);
}

function apply(turn: Turn, next: Ahead): void {
  turn.set({ applying: next });
  turn.emit({ type: 'apply', ...next });
}

/** Access is taken away at once; the head does not move, and nothing is ever given back here. */
function enforceEarly(turn: Turn, { frame, sha256, path }: Ahead): void {
  const { lane, early, head } = turn.state;
  if (lane !== 'revoke' || head === null) return;
  const { epoch, rev, body } = frame;
  const proof = proofOf(frame, sha256);
  const one = { epoch, rev, sha256: hex(sha256), bytes: body.length, proof };
  if (hasEarly(early, frame, one.sha256)) return;
  if (!hasRoom(early, one.bytes)) {
    // What is enforced stays so. The frame itself can only come with the tail.
    turn.alarm('overflow', path, `${early.count} early frames of ${early.bytes} bytes`);
    return waitForTail(turn);
  }
  turn.set({ early: addEarly(early, one) });
  turn.emit({ type: 'enforce_early', frame, sha256, path });
}

/** Something is missing: unless it comes within the time of a gap, the tail is asked for. */
function waitForTail(turn: Turn): void {
  if (isFree(turn.state) && turn.state.gapSinceMs === null) turn.set({ gapSinceMs: turn.nowMs });
}

/**
 * A frame ahead of its turn that is enforced, or waits, already, and would change nothing: it costs
 * no more than its hash, however often it comes.
 */
function isIdleRepeat(state: EdgeLane, frame: FrameMessage, sha256: Uint8Array): boolean {
  const { head, ahead, early } = state;
  const { epoch, rev, prevRev } = frame;
  if (head === null || rev !== prevRev + 1 || comparePositions(frame, head) <= 0) return false;
  if (epoch === head.epoch && rev === head.rev + 1) return false;
  const held = ahead.get(rev);
  if (held !== undefined && held.frame.epoch === epoch) return sameBytes(held.sha256, sha256);
  return hasEarly(early, frame, hex(sha256)) && !hasPlace(state, frame);
}

/** Whether the frame would be kept for its turn. */
function hasPlace({ head, ahead, stuck, staging }: EdgeLane, frame: FrameMessage): boolean {
  if (head === null || stuck || ahead.has(frame.rev) || ahead.size >= edgeLimits.aheadMax) {
    return false;
  }
  const { epoch } = staging !== null && staging.path !== null ? staging.manifest.position : head;
  return frame.epoch === epoch;
}

function keepAhead(turn: Turn, arrival: Ahead): void {
  const { head, ahead, stuck } = turn.state;
  const { frame, path } = arrival;
  if (head === null || stuck) return;
  // Frames that only wait for the shell, or for the shards that are coming, are not behind a gap.
  waitForTail(turn);
  const held = ahead.get(frame.rev);
  if (hasPlace(turn.state, frame)) {
    turn.set({ ahead: new Map(ahead).set(frame.rev, arrival) });
  } else if (held === undefined) {
    return;
  } else if (held.frame.epoch === frame.epoch && !sameBytes(held.sha256, arrival.sha256)) {
    onFork(turn, path, frame);
  }
}

function noteSeen(turn: Turn, path: PathName, { epoch, rev }: FrameMessage): void {
  if (!isStream(path)) return;
  const { phase, seen } = turn.state.paths[path];
  // What was on its way when we said Hello again comes once more after the answer to that.
  if (phase.kind === 'closed' || phase.kind === 'greeting') return;
  if (seen === null || comparePositions({ epoch, rev }, seen) > 0) {
    turn.setPath(path, { seen: { epoch, rev } });
  }
}

function confirmProvisionals(turn: Turn, sha256: string): void {
  for (const [id, held] of turn.state.provisionals) {
    if (held.sha256 !== sha256) continue;
    const others = [...turn.state.provisionals].filter(([other]) => other !== id);
    turn.set({ provisionals: new Map(others) });
    turn.emit({ type: 'drop_provisional', id });
  }
}
