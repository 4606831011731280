import type { Position } from '@sallyport/shared/state/model';

/**
 * Whether a lane at `have` holds everything up to `wanted`. A later epoch holds what was kept of
 * the earlier ones.
 */
export function reachesPosition(have: Position | null, wanted: Position): boolean {
  if (have === null) return false;
  return have.epoch > wanted.epoch || (have.epoch === wanted.epoch && have.rev >= wanted.rev);
}
