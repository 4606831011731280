import type { Position } from '@sallyport/shared/state/model';
import type { Lag } from '../ports.ts';

/**
 * How far a position is behind the head. `sinceMs` says how long ago the revision after a position
 * came, or null where that is not remembered.
 */
export function lagOf(
  head: Position | undefined,
  position: Position | null,
  sinceMs: (position: Position) => number | null,
): Lag {
  if (head === undefined || position === null || head.epoch !== position.epoch) {
    return { revisions: null, ms: null };
  }
  const revisions = Math.max(0, head.rev - position.rev);
  if (revisions === 0) return { revisions, ms: 0 };
  const ms = sinceMs(position);
  return { revisions, ms: ms === null ? null : Math.round(ms) };
}
