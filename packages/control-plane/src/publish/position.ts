import type { Position } from '@sallyport/shared/state/model';

/** Whether a position is the wanted one or a later one of the same history. */
export function reaches(position: Position, wanted: Position): boolean {
  return position.epoch === wanted.epoch && position.rev >= wanted.rev;
}

/** Whether a position is beyond the head of its own history. */
export function isAhead(position: Position, head: Position): boolean {
  return position.epoch === head.epoch && position.rev > head.rev;
}
