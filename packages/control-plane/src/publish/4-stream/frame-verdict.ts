import { createHash } from 'node:crypto';
import type { Refusals } from '../refusals.ts';
import type { LoggedFrame } from './lane-source.ts';

/** What becomes of a frame that is next for an edge. */
export type FrameVerdict =
  | { readonly kind: 'send' }
  /** It holds what the edge has refused; hex. */
  | { readonly kind: 'refused'; readonly sha256: string }
  /** No edge would accept it: the lane goes by shards. */
  | { readonly kind: 'oversize' };

/** 4 MiB is the limit of a message. */
const frameBytesMax = 4_000_000;

/** `refusals`: of the edge, also on other streams; `refused`: of this stream, newest last. */
export function judgeFrame(
  { body, bytes }: Pick<LoggedFrame, 'body' | 'bytes'>,
  refusals: Refusals,
  refused: readonly string[],
): FrameVerdict {
  if (refusals.size > 0 || refused.length > 0) {
    const sha256 = createHash('sha256').update(body).digest('hex');
    if (refusals.has(sha256) || refused.includes(sha256)) return { kind: 'refused', sha256 };
  }
  return bytes.length > frameBytesMax ? { kind: 'oversize' } : { kind: 'send' };
}
