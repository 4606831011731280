import type { EdgeLane, ReplicaClock, StreamPath } from './edge-lane-model.ts';
import { edgeLimits } from './edge-limits.ts';
import { streamPaths, type Turn } from './edge-turn.ts';
import type { HeartbeatMessage } from './messages.ts';

/**
 * How long ago a heartbeat was sent. That it is read now says little: a process that was frozen
 * reads at once all that waited for it, and a peer may send again what it heard. So it is measured
 * by the replica's clock, as the heartbeat with the least delay has shown it: no heartbeat seems to
 * come from before it was sent, so the largest offset seen is the nearest to the truth.
 */

/** Milliseconds: what is safe to count, and what is certain. */
export interface Delay {
  readonly delayMs: number;
  readonly leastMs: number;
}

/**
 * Takes a verified heartbeat of a stream: a sign of life, unless it is late. Returns its delay.
 *
 * The first of a stream cannot show its delay, since the replica's clock may have been set before:
 * it counts as old as the stream, in answer to whose Hello it was sent. So does one that shows the
 * clock set forward, and old from the heartbeat before it on, for it came after that: it may have
 * waited here ever since. One that is later than `lateMs`, or `clockSlackMs` where the clock was set
 * forward, teaches nothing. Where that is because the clock was set, silence ends the stream, and the
 * next one learns the clock anew.
 */
export function takeBeat(turn: Turn, path: StreamPath, beat: HeartbeatMessage): Delay {
  const { notBeforeMs, beaten, late } = turn.state.paths[path];
  const shownMs = beat.sentAtMs - turn.nowMs;
  const known = beaten ? turn.state.clocks.get(beat.replica) : undefined;
  const knownMs = known === undefined ? shownMs : sunk(known, turn.nowMs);
  const isAhead = shownMs > knownMs + edgeLimits.clockSlackMs;
  const leastMs = Math.max(0, knownMs - shownMs);
  const delayMs = known === undefined || isAhead ? turn.nowMs - notBeforeMs : leastMs;
  if (delayMs > (isAhead ? edgeLimits.clockSlackMs : edgeLimits.lateMs)) {
    if (!late) turn.alarm('late', path, `a heartbeat of ${Math.round(delayMs)} ms ago`);
    turn.setPath(path, { late: true });
    return { delayMs, leastMs };
  }
  const sentMs = Math.max(notBeforeMs, turn.nowMs - delayMs);
  turn.setPath(path, { heardAtMs: turn.nowMs, beaten: true, late: false, notBeforeMs: sentMs });
  // What waited behind one that was ahead waited no longer than that.
  const offsetMs = isAhead ? shownMs + delayMs : Math.max(shownMs, knownMs);
  const others = [...turn.state.clocks].filter(([name]) => name !== beat.replica);
  const clock = { offsetMs, atMs: turn.nowMs };
  turn.set({ clocks: new Map([...others.slice(1 - edgeLimits.clocksMax), [beat.replica, clock]]) });
  return { delayMs, leastMs };
}

/** Clocks drift apart: an offset is given up as slowly as the worst of them may. */
function sunk({ offsetMs, atMs }: ReplicaClock, nowMs: number): number {
  return offsetMs - (nowMs - atMs) * edgeLimits.clockDrift;
}

/**
 * What came by NATS may have been held back on the way. null: the replica's clock is not known, or
 * has been set since, so that the heartbeat says nothing about age.
 */
export function delayByNats(
  { clocks }: EdgeLane,
  { replica, sentAtMs }: Pick<HeartbeatMessage, 'replica' | 'sentAtMs'>,
  nowMs: number,
): Delay | null {
  const clock = clocks.get(replica);
  if (clock === undefined) return null;
  const delayMs = nowMs + clock.offsetMs - sentAtMs;
  if (delayMs < -edgeLimits.clockSlackMs) return null;
  return { delayMs: Math.max(0, delayMs), leastMs: Math.max(0, delayMs) };
}

/**
 * The machine was suspended, and the monotonic clock with it: what was an hour ago is longer ago by
 * that. Where the wall clock was only set forward, the state counts as older than it is until the
 * next heartbeat, or the next stream.
 */
export function countStandstill(turn: Turn, missedMs: number): void {
  const { asOfMs, clocks } = turn.state;
  turn.set({
    asOfMs: asOfMs === null ? null : asOfMs - missedMs,
    clocks: new Map(
      [...clocks].map(([replica, { offsetMs, atMs }]) => [
        replica,
        { offsetMs: offsetMs + missedMs, atMs },
      ]),
    ),
  });
  for (const path of streamPaths) {
    const { phase, notBeforeMs } = turn.state.paths[path];
    if (phase.kind !== 'closed') turn.setPath(path, { notBeforeMs: notBeforeMs - missedMs });
  }
}
