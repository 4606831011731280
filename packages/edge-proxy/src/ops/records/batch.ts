import { create } from '@bufbuild/protobuf';
import { type RecordRequest, RecordRequestSchema } from '@sallyport/proto';
import type { DroppedRecords, RecordLines } from '../../worker/messages.ts';
import type { SpooledBlock } from './spool/readers.ts';

/** Some records on their way to a control plane, kept until it has confirmed that it has them. */
export interface Batch {
  readonly lines: readonly Uint8Array<ArrayBuffer>[];
  readonly records: number;
  readonly dropped: DroppedRecords;
  /** What it was made of; null: it was on disk before. */
  readonly items: readonly RecordLines[] | null;
  /** Blocks of the spool that hold the same records. */
  blocks: readonly number[];
  confirmed: boolean;
}

export function batchOfItems(items: readonly RecordLines[], dropped: DroppedRecords): Batch {
  const records = items.reduce((sum, item) => sum + item.records, 0);
  const pieces = items.map(({ lines }) => lines);
  return { lines: pieces, records, dropped, items, blocks: [], confirmed: false };
}

export function batchOfBlock(
  { number, records, lines }: SpooledBlock,
  dropped: DroppedRecords,
): Batch {
  return { lines: [lines], records, dropped, items: null, blocks: [number], confirmed: false };
}

/** What a control plane is sent. */
export function requestOf({ lines, dropped }: Batch, batch: bigint): RecordRequest {
  const { permits, denials } = dropped;
  return create(RecordRequestSchema, {
    batch,
    recordsJson: [...lines],
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
