import { create } from '@bufbuild/protobuf';
import { type RecordRequest, type RecordResponse, RecordResponseSchema } from '@sallyport/proto';
import { type BatchHandler, batchHandler } from '../batches.ts';
import type { CallParts } from '../unary.ts';
import { type RecordParts, takeBatch } from './take-batch.ts';

/** The handler of Record. */
export function recordHandler(
  parts: CallParts & RecordParts,
): BatchHandler<RecordRequest, RecordResponse> {
  return batchHandler(parts, 'record', async (edgeId, request: RecordRequest) => {
    await takeBatch(parts, edgeId, request);
    return create(RecordResponseSchema, { batch: request.batch });
  });
}
