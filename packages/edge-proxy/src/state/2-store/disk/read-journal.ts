import { hash } from 'node:crypto';
import type { Position } from '@sallyport/shared/state/model';
import type { RowLane } from '@sallyport/shared/state/tables/lane';
import type { FrameMessage, FrameProof } from '@sallyport/shared/sync/messages';
import { samePosition } from '@sallyport/shared/sync/position';
import type { DiskKeys } from './disk-keys.ts';
import { headerBytes, openJournalHeader, type Refused } from './file-format.ts';
import { chainOf, readRecord } from './journal-record.ts';

/** How far a journal has led. */
export interface JournalEnd {
  readonly position: Position;
  /** Of the frame at the position, if a frame led there. */
  readonly proof: FrameProof | null;
}

export interface SegmentRead extends JournalEnd {
  /** Why the segment, or what follows in it, is not believed; null: it was read to its end. */
  readonly refused: Refused | null;
}

/**
 * Reads one segment of a lane's journal, which must go on from `start`, and gives each frame to
 * `apply`. At the first record that is not whole, authentic and next in order, or that `apply`
 * throws for, it ends: nothing behind it is believed.
 */
export function readSegment(
  keys: DiskKeys,
  bytes: Buffer,
  lane: RowLane,
  start: JournalEnd,
  apply: (frame: FrameMessage) => void,
): SegmentRead {
  const opened = openJournalHeader(keys, bytes, { kind: 'journal', lane, shard: 0 });
  if (!opened.ok) return { ...start, refused: opened };
  if (!samePosition(opened.header.position, start.position)) {
    return { ...start, refused: cut('it does not go on from where the one before ends') };
  }
  let chain = opened.mac;
  let position = start.position;
  let last: FrameMessage | null = null;
  let refused: Refused | null = null;
  for (let offset = headerBytes; offset < bytes.length; ) {
    const read = readRecord(opened.key, chain, bytes, offset, lane);
    if (!read.ok) {
      refused = cut(`${read.detail}, ${bytes.length - offset} bytes before the end`);
      break;
    }
    const { frame, record } = read;
    const problem = take(frame, position, apply);
    if (problem !== null) {
      refused = cut(problem);
      break;
    }
    chain = chainOf(record);
    last = frame;
    position = { epoch: frame.epoch, rev: frame.rev };
    offset += record.length;
  }
  return { position, proof: last === null ? start.proof : proofOf(last), refused };
}

/** Returns why the record is not taken; null: it was. */
function take(
  frame: FrameMessage,
  position: Position,
  apply: (frame: FrameMessage) => void,
): string | null {
  if (frame.epoch !== position.epoch || frame.prevRev !== position.rev) {
    return 'a frame does not go on from the one before';
  }
  try {
    apply(frame);
  } catch (error) {
    // An edge that cannot start for what it has written itself is worse than one that asks again.
    return `a frame does not apply: ${error instanceof Error ? error.message : String(error)}`;
  }
  return null;
}

/** What a frame shows of itself without its body. Shares no memory with it. */
export function proofOf(frame: FrameMessage): FrameProof {
  const { epoch, prevRev, rev, keyId } = frame;
  const bodySha256 = Uint8Array.from(hash('sha256', frame.body, 'buffer'));
  return { epoch, prevRev, rev, keyId, bodySha256, signature: Uint8Array.from(frame.signature) };
}

function cut(detail: string): Refused {
  return { ok: false, code: 'journal_cut', detail };
}
