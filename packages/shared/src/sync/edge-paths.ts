import { countStandstill } from './edge-clocks.ts';
import { followUp } from './edge-frames.ts';
import type { EdgeLane, EdgeLaneEvent, StreamPath } from './edge-lane-model.ts';
import { edgeLimits } from './edge-limits.ts';
import { takeUpHeld, tryResync } from './edge-resync.ts';
import { dropOldStaging } from './edge-shards.ts';
import {
  askablePath,
  closedPath,
  endPath,
  sayHello,
  stopFetching,
  streamPaths,
  type Turn,
} from './edge-turn.ts';

/** Streams: their opening, what Resume says, their silence; and everything else that time does. */

export function onOpened(turn: Turn, path: StreamPath): void {
  turn.setPath(path, {
    ...closedPath,
    notBeforeMs: turn.nowMs,
    heardAtMs: turn.nowMs,
    phase: { kind: 'greeting', sinceMs: turn.nowMs },
  });
}

type ResumeEvent = Extract<EdgeLaneEvent, { type: 'resume' }>;

export function onResume(turn: Turn, { path, resume }: ResumeEvent): void {
  const { phase } = turn.state.paths[path];
  if (phase.kind === 'closed') return;
  // A manifest that answered an earlier Hello may have been taken up just now: the replica has gone
  // on to this one, and no longer sends the shards of that.
  stopFetching(turn, path);
  const { mode, head } = resume;
  switch (mode) {
    case 'tail': {
      const ours = turn.state.fresh ? null : turn.state.head;
      if (ours === null || head === null || head.epoch !== ours.epoch) {
        turn.alarm('unexpected', path, 'the tail of a state that we do not have');
        return endPath(turn, path, 'unexpected', true);
      }
      turn.setPath(path, { phase: { kind: 'tail' }, owed: null });
      turn.emit({ type: 'repeat_acks', path });
      return followUp(turn);
    }
    case 'shards':
      return turn.setPath(path, {
        phase: { kind: 'shards', sinceMs: turn.nowMs, held: null },
      });
    case 'wait':
      return turn.setPath(path, { phase: { kind: 'waiting', sinceMs: turn.nowMs } });
    case 'redirect':
      return endPath(turn, path, 'redirect', true);
  }
}

type TickEvent = Extract<EdgeLaneEvent, { type: 'tick' }>;

export function onTick(turn: Turn, { missedMs, unread }: TickEvent): void {
  if (missedMs > 0) countStandstill(turn, missedMs);
  forgiveUnread(turn, unread);
  forgiveStall(turn);
  for (const path of streamPaths) checkSilence(turn, path);
  checkGap(turn);
  tryResync(turn);
  takeUpHeld(turn);
  followUp(turn);
  endProvisionals(turn);
  dropOldStaging(turn);
}

/** When this process stood still, what the others sent meanwhile has only not been read yet. */
function forgiveStall(turn: Turn): void {
  const stoodMs = turn.nowMs - turn.state.tickedAtMs;
  turn.set({ tickedAtMs: turn.nowMs });
  if (stoodMs <= edgeLimits.stallMs) return;
  for (const path of streamPaths) {
    const { heardAtMs, phase } = turn.state.paths[path];
    if (phase.kind === 'closed') continue;
    turn.setPath(path, { heardAtMs: Math.min(turn.nowMs, heardAtMs + stoodMs) });
  }
}

/**
 * What the others send on these streams waits here: whole states change places in many slices, and a
 * configuration version is checked for as long as half a minute, whichever lane it is that waits.
 */
function forgiveUnread(turn: Turn, unread: readonly StreamPath[]): void {
  const unreadMs = turn.nowMs - turn.state.tickedAtMs;
  for (const path of unread) {
    const { phase } = turn.state.paths[path];
    if (phase.kind === 'closed') continue;
    turn.setPath(path, { heardAtMs: turn.nowMs });
    if (phase.kind === 'tail') continue;
    const sinceMs = Math.min(turn.nowMs, phase.sinceMs + unreadMs);
    turn.setPath(path, { phase: { ...phase, sinceMs } });
  }
}

function checkSilence(turn: Turn, path: StreamPath): void {
  const { phase, heardAtMs, beaten } = turn.state.paths[path];
  if (phase.kind === 'closed') return;
  const silentMs = turn.nowMs - heardAtMs;
  if (silentMs > (beaten ? edgeLimits.silenceMs : edgeLimits.greetingMs)) {
    turn.alarm('silence', path, `nothing for ${Math.round(silentMs)} ms`);
    return endPath(turn, path, 'silence', true);
  }
  if (isOverdue(turn.state, path, turn.nowMs)) endPath(turn, path, 'behind', true);
}

/** A stream that lives, and still does not bring the lane any further. */
function isOverdue(state: EdgeLane, path: StreamPath, nowMs: number): boolean {
  const { phase } = state.paths[path];
  switch (phase.kind) {
    case 'greeting':
      return nowMs - phase.sinceMs > edgeLimits.greetingMs;
    case 'shards': {
      const resting = state.staging?.path !== path && phase.held === null && !state.stuck;
      return resting && nowMs - phase.sinceMs > edgeLimits.patienceMs;
    }
    case 'waiting':
      return !state.stuck && nowMs - phase.sinceMs > edgeLimits.patienceMs;
    case 'tail':
    case 'closed':
      return false;
  }
}

function checkGap(turn: Turn): void {
  const { gapSinceMs, applying, swapping, stuck } = turn.state;
  if (gapSinceMs === null || applying !== null || swapping || stuck) return;
  if (turn.nowMs - gapSinceMs < edgeLimits.gapMs) return;
  turn.alarm('gap', null, `revisions after ${turn.state.head?.rev ?? 'none'} are missing`);
  turn.set({ gapSinceMs: turn.nowMs });
  askForTail(turn);
}

/** Asks a stream for what is missing; one that was asked in vain is given up. */
export function askForTail(turn: Turn): void {
  const path = askablePath(turn.state);
  if (path === null) return;
  const retails = turn.state.paths[path].retails + 1;
  if (retails > edgeLimits.retailsMax) return endPath(turn, path, 'lost_tail', true);
  turn.setPath(path, { retails });
  sayHello(turn, path);
}

function endProvisionals(turn: Turn): void {
  for (const [id, { untilMs }] of turn.state.provisionals) {
    if (untilMs > turn.nowMs) continue;
    const others = [...turn.state.provisionals].filter(([other]) => other !== id);
    turn.set({ provisionals: new Map(others) });
    turn.emit({ type: 'drop_provisional', id });
  }
}
