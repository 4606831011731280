import { edgeLimits } from './edge-limits.ts';
import { askablePath, sayHello, streamPaths, type Turn } from './edge-turn.ts';

/**
 * Our rows, or our history, are not those of the control plane: asks again, and for the whole state
 * if `fresh`. The less it helps the more seldom it is done, so that a fault that stays does not
 * become load.
 */
export function requestResync(turn: Turn, fresh: boolean): void {
  turn.set({ fresh: turn.state.fresh || fresh, resyncWanted: true });
  tryResync(turn);
}

/** Does what was asked for as soon as there is a stream and the time has come. */
export function tryResync(turn: Turn): void {
  const { resyncWanted, resyncNotBeforeMs, resyncs, applying, swapping } = turn.state;
  if (!resyncWanted || turn.nowMs < resyncNotBeforeMs || applying !== null || swapping) return;
  const path = askablePath(turn.state);
  if (path === null) return;
  const pauseMs = Math.min(edgeLimits.resyncMs * 2 ** resyncs, edgeLimits.resyncMsMax);
  turn.set({
    resyncWanted: false,
    resyncs: resyncs + 1,
    resyncNotBeforeMs: turn.nowMs + pauseMs,
  });
  sayHello(turn, path);
}

/**
 * A stream has offered a whole state while another one was being fetched, or a frame applied: now
 * that there is an end to that, we have what it offered, or ask once more.
 */
export function takeUpHeld(turn: Turn): void {
  const { applying, swapping, staging } = turn.state;
  if (applying !== null || swapping || (staging !== null && staging.path !== null)) return;
  for (const path of streamPaths) {
    const { phase } = turn.state.paths[path];
    if (phase.kind === 'shards' && phase.held !== null) sayHello(turn, path);
  }
}
