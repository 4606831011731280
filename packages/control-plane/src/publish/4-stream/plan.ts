import type { Position } from '@sallyport/shared/state/model';

export type ResumeKind = 'tail' | 'shards' | 'wait';

/**
 * How a lane goes on for an edge that has `have`, at a replica that has read up to `head`.
 * `canTail`: the log still has every revision after `have`.
 */
export function planResume(have: Position | null, head: Position, canTail: boolean): ResumeKind {
  if (have === null) return 'shards';
  if (have.epoch !== head.epoch) return have.epoch > head.epoch ? 'wait' : 'shards';
  if (have.rev > head.rev) return 'wait';
  return have.rev === head.rev || canTail ? 'tail' : 'shards';
}
