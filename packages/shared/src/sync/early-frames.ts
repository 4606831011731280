import type { Position } from '../state/model.ts';
import { edgeLimits } from './edge-limits.ts';
import type { FrameProof } from './messages.ts';
import { comparePositions, samePosition } from './position.ts';

/** A frame whose denials are enforced ahead of its turn. */
export interface EarlyFrame extends Position {
  /** Of the body, hex. */
  readonly sha256: string;
  /** Of the body. */
  readonly bytes: number;
  readonly proof: FrameProof;
}

/** Which frames are enforced early. They count by what they are, not by how often they come. */
export interface EarlyFrames {
  /** By neighbourhood, so that a change copies little; in it, by position and hash. */
  readonly buckets: ReadonlyMap<string, Bucket>;
  readonly count: number;
  readonly bytes: number;
}

type Bucket = ReadonlyMap<string, EarlyFrame>;

const bucketRevs = 128;

export const noEarlyFrames: EarlyFrames = { buckets: new Map(), count: 0, bytes: 0 };

/** Frames that were kept over a restart, without those that the head has reached. */
export function earlyFramesOf(frames: readonly EarlyFrame[], head: Position | null): EarlyFrames {
  const all = frames.reduce(addEarly, noEarlyFrames);
  return head === null ? all : dropEarly(all, head);
}

/** Whether this very frame is enforced early already. */
export function hasEarly({ buckets }: EarlyFrames, position: Position, sha256: string): boolean {
  return buckets.get(bucketOf(position))?.has(nameOf(position, sha256)) === true;
}

/** Whether another frame than this one is enforced early for the position. */
export function hasOtherEarly(
  { buckets }: EarlyFrames,
  position: Position,
  sha256: string,
): boolean {
  const bucket = buckets.get(bucketOf(position));
  if (bucket === undefined) return false;
  return [...bucket.values()].some((one) => samePosition(one, position) && one.sha256 !== sha256);
}

/** Of this epoch, the one for the highest position; null: there is none. */
export function newestEarly({ buckets }: EarlyFrames, epoch: number): EarlyFrame | null {
  let newest: EarlyFrame | null = null;
  for (const bucket of buckets.values()) {
    for (const one of bucket.values()) {
      if (one.epoch === epoch && (newest === null || one.rev > newest.rev)) newest = one;
    }
  }
  return newest;
}

/** Whether a frame with so many bytes may be added. What is there is never given up for it. */
export function hasRoom({ count, bytes }: EarlyFrames, more: number): boolean {
  return count < edgeLimits.earlyMax && bytes + more <= edgeLimits.earlyBytesMax;
}

/** With one more; a frame that is there already changes nothing. */
export function addEarly(frames: EarlyFrames, frame: EarlyFrame): EarlyFrames {
  if (hasEarly(frames, frame, frame.sha256)) return frames;
  const name = bucketOf(frame);
  const bucket = new Map(frames.buckets.get(name)).set(nameOf(frame, frame.sha256), frame);
  return {
    buckets: new Map(frames.buckets).set(name, bucket),
    count: frames.count + 1,
    bytes: frames.bytes + frame.bytes,
  };
}

/** Without those up to the head, and those of earlier epochs; the same object if there are none. */
export function dropEarly(frames: EarlyFrames, head: Position): EarlyFrames {
  const buckets = new Map<string, Bucket>();
  let { count, bytes } = frames;
  for (const [name, bucket] of frames.buckets) {
    const gone = [...bucket.values()].filter((one) => comparePositions(one, head) <= 0);
    count -= gone.length;
    bytes -= gone.reduce((sum, one) => sum + one.bytes, 0);
    if (gone.length === 0) buckets.set(name, bucket);
    else if (gone.length < bucket.size) buckets.set(name, without(bucket, gone));
  }
  return count === frames.count ? frames : { buckets, count, bytes };
}

function without(bucket: Bucket, gone: readonly EarlyFrame[]): Bucket {
  const names = new Set(gone.map((one) => nameOf(one, one.sha256)));
  return new Map([...bucket].filter(([name]) => !names.has(name)));
}

function bucketOf({ epoch, rev }: Position): string {
  return `${epoch}/${Math.floor(rev / bucketRevs)}`;
}

/** Two frames for one position are a fork; both are denials, so both are enforced. */
function nameOf({ epoch, rev }: Position, sha256: string): string {
  return `${epoch}/${rev}/${sha256}`;
}
