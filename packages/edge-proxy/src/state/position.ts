import type { Position } from '@sallyport/shared/state/model';

export function samePosition(a: Position | null, b: Position | null): boolean {
  return a?.epoch === b?.epoch && a?.rev === b?.rev;
}

/**
 * Whether a lane at `have` holds everything up to `wanted`. A later epoch holds what was kept of
 * the earlier ones.
 */
export function reachesPosition(have: Position | null, wanted: Position): boolean {
  if (have === null) return false;
  return have.epoch > wanted.epoch || (have.epoch === wanted.epoch && have.rev >= wanted.rev);
}
