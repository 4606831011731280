import { create } from '@bufbuild/protobuf';
import { type SightRequest, type SightResponse, SightResponseSchema } from '@sallyport/proto';
import { type BatchHandler, batchHandler } from '../batches.ts';
import type { CallParts } from '../unary.ts';
import { type SightingParts, takeSightings } from './take-sightings.ts';

/** The handler of Sight. */
export function sightingHandler(
  parts: CallParts & SightingParts,
): BatchHandler<SightRequest, SightResponse> {
  return batchHandler(parts, {
    method: 'sight',
    atOnceMax: 1,
    async take(edgeId, request: SightRequest) {
      await takeSightings(parts, edgeId, request);
      return create(SightResponseSchema, { batch: request.batch });
    },
  });
}
