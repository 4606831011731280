import type { Position } from '../state/model.ts';
import { isFetching, sameBytes } from './edge-frames.ts';
import type { EdgeLane, EdgeLaneEvent, Owed, StreamPath } from './edge-lane-model.ts';
import { edgeLimits } from './edge-limits.ts';
import { askForTail } from './edge-paths.ts';
import { requestResync } from './edge-resync.ts';
import { endPath, isStream, noBytes, type Turn } from './edge-turn.ts';
import { recall } from './lane-history.ts';
import type { HeartbeatMessage, LaneHead, PathName } from './messages.ts';
import { comparePositions } from './position.ts';

/**
 * What a heartbeat shows: that the stream lives, that our rows are those of the control plane, as
 * of when they are complete, and whether the tail got lost or the replica has been rolled back.
 */

type HeartbeatEvent = Extract<EdgeLaneEvent, { type: 'heartbeat' }>;

export function onHeartbeat(turn: Turn, event: HeartbeatEvent): void {
  const { path, verdict, heartbeat } = event;
  if (isStream(path) && turn.state.paths[path].phase.kind === 'closed') return;
  if (verdict !== 'ok') {
    turn.alarm(verdict === 'unknown_key' ? 'unknown_key' : 'forged', path, `${verdict}: heartbeat`);
    if (isStream(path)) endPath(turn, path, 'forged', true);
    return;
  }
  if (isStream(path)) {
    turn.setPath(path, { heardAtMs: turn.nowMs, beaten: true });
    learnClock(turn, heartbeat);
  }
  const theirs = heartbeat.heads.find(({ lane }) => lane === turn.state.lane);
  if (theirs === undefined) return;
  const delayMs = isStream(path) ? 0 : delayOf(turn.state, heartbeat, turn.nowMs);
  const asOfMs = delayMs === null ? null : turn.nowMs - delayMs - heartbeat.logAgeMs;
  const behind = asOfMs !== null && isRolledBack(turn.state, theirs.head, asOfMs);
  compareDigest(turn, path, theirs);
  if (asOfMs !== null && !behind) advanceAsOf(turn, theirs.head, asOfMs);
  if (isStream(path)) checkBehind(turn, path, theirs.head, behind);
  checkTail(turn, path, theirs.head);
}

/** By a stream nothing is held back for long, so it shows how the replica's clock stands to ours. */
function learnClock(turn: Turn, { replica, sentAtMs }: HeartbeatMessage): void {
  const others = [...turn.state.clockOffsetsMs].filter(([name]) => name !== replica);
  const known = others.slice(1 - edgeLimits.clocksMax);
  turn.set({ clockOffsetsMs: new Map([...known, [replica, sentAtMs - turn.nowMs]]) });
}

/**
 * What came by NATS may have been held back on the way: how long shows by the replica's clock, as a
 * stream last brought it. null: that clock is not known, or has been set since, so that the
 * heartbeat says nothing about age.
 */
function delayOf(
  { clockOffsetsMs }: EdgeLane,
  { replica, sentAtMs }: HeartbeatMessage,
  nowMs: number,
): number | null {
  const offsetMs = clockOffsetsMs.get(replica);
  if (offsetMs === undefined) return null;
  const delayMs = nowMs + offsetMs - sentAtMs;
  return delayMs < -edgeLimits.clockSlackMs ? null : Math.max(0, delayMs);
}

/** Only a state that has all that the heartbeat speaks of, and does not differ, is as new as it. */
function advanceAsOf(turn: Turn, theirs: Position, asOfMs: number): void {
  const { head, digestAgrees, asOfMs: before, fresh } = turn.state;
  const reached = head !== null && head.epoch === theirs.epoch && head.rev >= theirs.rev;
  if (!reached || digestAgrees === false || fresh) return;
  if (before !== null && before >= asOfMs) return;
  turn.set({ asOfMs });
  turn.emit({ type: 'as_of', asOfMs });
}

function compareDigest(turn: Turn, path: PathName, { digest, digestAt }: LaneHead): void {
  if (digest === null || digestAt === null) return;
  const ours = recall(turn.state.history, digestAt.epoch, digestAt.rev)?.digest ?? null;
  if (ours === null) return;
  if (sameBytes(ours, digest)) {
    return turn.set({ digestAgrees: true, resyncs: 0 });
  }
  if (turn.state.digestAgrees !== false) {
    const detail = `the rows of revision ${digestAt.rev} have another digest`;
    turn.alarm('digest', path, detail);
    turn.nack(path, digestAt, { code: 'DIGEST', detail }, noBytes);
  }
  turn.set({ digestAgrees: false });
  if (!isFetching(turn.state.staging)) requestResync(turn, true);
}

/** Whether a replica that has seen the database since we had a revision does not have it. */
function isRolledBack({ mark, headSinceMs }: EdgeLane, theirs: Position, asOfMs: number): boolean {
  if (mark === null || comparePositions(theirs, mark) >= 0) return false;
  return asOfMs > headSinceMs + edgeLimits.behindSlackMs;
}

function checkBehind(turn: Turn, path: StreamPath, theirs: Position, behind: boolean): void {
  const beatsBehindUs = behind ? turn.state.paths[path].beatsBehindUs + 1 : 0;
  turn.setPath(path, { beatsBehindUs });
  if (beatsBehindUs < edgeLimits.beatsBehindMax) return;
  turn.alarm('rollback', path, `its newest revision is ${theirs.rev}`);
  endPath(turn, path, 'rollback', true);
}

/**
 * A replica may be slow to send what its heartbeat speaks of; but when from one heartbeat to the
 * next nothing at all has come, it got lost.
 */
function checkTail(turn: Turn, path: PathName, theirs: Position): void {
  const { head, applying, swapping, stuck, staging } = turn.state;
  if (head === null || (isStream(path) && turn.state.paths[path].phase.kind !== 'tail')) return;
  if (comparePositions(head, theirs) >= 0) {
    setOwed(turn, path, null);
    if (isStream(path)) turn.setPath(path, { retails: 0 });
    return;
  }
  const owed = owedBy(turn.state, path);
  const fresh: Owed = { head: theirs, ours: head };
  const resting = applying !== null || swapping || stuck || isFetching(staging);
  if (owed === null || resting || comparePositions(head, owed.head) >= 0) {
    return setOwed(turn, path, fresh);
  }
  if (comparePositions(head, owed.ours) > 0) {
    return setOwed(turn, path, { head: owed.head, ours: head });
  }
  turn.alarm('lost_tail', path, `nothing after revision ${head.rev} of ${owed.head.rev}`);
  setOwed(turn, path, null);
  askForTail(turn);
}

function owedBy({ paths, natsOwed }: EdgeLane, path: PathName): Owed | null {
  return isStream(path) ? paths[path].owed : natsOwed;
}

function setOwed(turn: Turn, path: PathName, owed: Owed | null): void {
  if (isStream(path)) turn.setPath(path, { owed });
  else turn.set({ natsOwed: owed });
}
