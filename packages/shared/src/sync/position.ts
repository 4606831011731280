import type { Position } from '../state/model.ts';

/** Whether both are the same place, or both nothing. */
export function samePosition(a: Position | null, b: Position | null): boolean {
  if (a === null || b === null) return a === b;
  return a.epoch === b.epoch && a.rev === b.rev;
}

/**
 * Negative, 0 or positive, as `a` is before, at or after `b`: first by epoch, then by revision. An
 * epoch never falls, so this is also the order of high-water marks.
 */
export function comparePositions(a: Position, b: Position): number {
  return a.epoch === b.epoch ? a.rev - b.rev : a.epoch - b.epoch;
}

/** The later of two positions. */
export function laterPosition(a: Position | null, b: Position | null): Position | null {
  if (a === null || b === null) return a ?? b;
  return comparePositions(a, b) >= 0 ? a : b;
}
