import { sameBytes } from '../bytes.ts';
import type { Position } from '../state/model.ts';
import { delayByNats, takeBeat } from './edge-clocks.ts';
import { isFetching } from './edge-frames.ts';
import type { EdgeLane, EdgeLaneEvent, Owed, StreamPath } from './edge-lane-model.ts';
import { edgeLimits } from './edge-limits.ts';
import { askForTail } from './edge-paths.ts';
import { requestResync } from './edge-resync.ts';
import { endPath, isStream, noBytes, type Turn } from './edge-turn.ts';
import { recall } from './lane-history.ts';
import type { LaneHead, PathName } from './messages.ts';
import { comparePositions } from './position.ts';
import { verdictAlarm } from './verdict-alarm.ts';

/**
 * What a heartbeat shows: that the stream lives, that our rows are those of the control plane, as
 * of when they are complete, and whether the tail got lost or the replica has been rolled back.
 */

type HeartbeatEvent = Extract<EdgeLaneEvent, { type: 'heartbeat' }>;

export function onHeartbeat(turn: Turn, event: HeartbeatEvent): void {
  const { path, verdict, heartbeat } = event;
  if (isStream(path) && turn.state.paths[path].phase.kind === 'closed') return;
  if (verdict !== 'ok') {
    const alarm = verdictAlarm(verdict);
    turn.alarm(alarm, path, `${verdict}: heartbeat`);
    if (isStream(path)) endPath(turn, path, alarm, true);
    return;
  }
  const delay = isStream(path)
    ? takeBeat(turn, path, heartbeat)
    : delayByNats(turn.state, heartbeat, turn.nowMs);
  const theirs = heartbeat.heads.find(({ lane }) => lane === turn.state.lane);
  if (theirs === undefined) return;
  const readMs = turn.nowMs - heartbeat.logAgeMs;
  const behind = delay !== null && isRolledBack(turn.state, theirs.head, readMs - delay.leastMs);
  compareDigest(turn, path, theirs);
  if (delay !== null && !behind) advanceAsOf(turn, theirs.head, readMs - delay.delayMs);
  if (isStream(path)) checkBehind(turn, path, theirs.head, behind);
  checkTail(turn, path, theirs.head);
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
    const detail = `the rows of revision ${placeOf(digestAt)} have another digest`;
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
  turn.alarm('rollback', path, `its newest revision is ${placeOf(theirs)}`);
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
  setOwed(turn, path, null);
  // A new epoch comes as a whole state, which takes the replica a while to put together: it is
  // asked for, and no part of a tail got lost.
  if (owed.head.epoch === head.epoch) {
    turn.alarm(
      'lost_tail',
      path,
      `nothing after revision ${head.rev}, newest is ${placeOf(owed.head)}`,
    );
  }
  askForTail(turn);
}

function placeOf({ epoch, rev }: Position): string {
  return `${rev} of the epoch ${epoch}`;
}

function owedBy({ paths, natsOwed }: EdgeLane, path: PathName): Owed | null {
  return isStream(path) ? paths[path].owed : natsOwed;
}

function setOwed(turn: Turn, path: PathName, owed: Owed | null): void {
  if (isStream(path)) turn.setPath(path, { owed });
  else turn.set({ natsOwed: owed });
}
