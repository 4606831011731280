import { create } from '@bufbuild/protobuf';
import { type RecordRequest, type RecordResponse, RecordResponseSchema } from '@sallyport/proto';
import { type BatchHandler, batchHandler } from '../batches.ts';
import type { CallParts } from '../unary.ts';
import { type RecordParts, takeBatch } from './take-batch.ts';

/** One is read while the one before it is stored. */
export const batchesAtOnceMax = 2;

/** The handler of Record. */
export function recordHandler(
  parts: CallParts & RecordParts,
): BatchHandler<RecordRequest, RecordResponse> {
  return batchHandler(parts, {
    method: 'record',
    atOnceMax: batchesAtOnceMax,
    async take(edgeId, request: RecordRequest, before) {
      await takeBatch(parts, edgeId, request, before);
      return create(RecordResponseSchema, { batch: request.batch });
    },
  });
}
