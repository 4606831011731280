import { create } from '@bufbuild/protobuf';
import { type RecordRequest, RecordRequestSchema } from '@sallyport/proto';
import type { DroppedRecords, RecordLines } from '../../worker/messages.ts';
import type { SpooledBlock } from './spool/readers.ts';

/** Some records on their way to a control plane, kept until it has confirmed that it has them. */
export interface Batch {
  readonly message: RecordRequest;
  readonly records: number;
  readonly dropped: DroppedRecords;
  /** What it was made of; null: it was on disk before. */
  readonly items: readonly RecordLines[] | null;
  /** Blocks of the spool that hold the same records. */
  blocks: readonly number[];
  confirmed: boolean;
}

export function batchOfItems(
  batch: bigint,
  items: readonly RecordLines[],
  dropped: DroppedRecords,
): Batch {
  const records = items.reduce((sum, item) => sum + item.records, 0);
  const pieces = items.map(({ lines }) => lines);
  return {
    message: messageOf(batch, pieces, dropped),
    records,
    dropped,
    items,
    blocks: [],
    confirmed: false,
  };
}

export function batchOfBlock(
  batch: bigint,
  { number, records, lines }: SpooledBlock,
  dropped: DroppedRecords,
): Batch {
  const message = messageOf(batch, [lines], dropped);
  return { message, records, dropped, items: null, blocks: [number], confirmed: false };
}

function messageOf(
  batch: bigint,
  recordsJson: Uint8Array<ArrayBuffer>[],
  { permits, denials }: DroppedRecords,
): RecordRequest {
  return create(RecordRequestSchema, {
    batch,
    recordsJson,
    dropped: {
      ...(permits > 0 ? { permit: BigInt(permits) } : {}),
      ...(denials > 0 ? { denial: BigInt(denials) } : {}),
    },
  });
}

/** The items as blocks: each of one class and, but for one item that is larger, of a bounded size. */
export function blocksOf(
  items: readonly RecordLines[],
  bytesMax: number,
): readonly (readonly RecordLines[])[] {
  const blocks: RecordLines[][] = [];
  for (const denial of [false, true]) {
    let block: RecordLines[] = [];
    let bytes = 0;
    for (const item of items) {
      if (item.denial !== denial) continue;
      if (bytes === 0 || bytes + item.bytes > bytesMax) {
        block = [];
        bytes = 0;
        blocks.push(block);
      }
      block.push(item);
      bytes += item.bytes;
    }
  }
  return blocks;
}
