import { create } from '@bufbuild/protobuf';
import { type RecordRequest, type RecordResponse, RecordResponseSchema } from '@sallyport/proto';
import { type ServerDuplexStream, status } from '@sallyport/proto/grpc';
import { CallError, toCallError } from '../call-error.ts';
import type { CallParts } from '../unary.ts';
import { type RecordParts, takeBatch } from './take-batch.ts';

export type RecordCall = ServerDuplexStream<RecordRequest, RecordResponse>;

export interface RecordHandler {
  readonly handle: (call: RecordCall) => void;
  /** Ends all streams; what was not acknowledged the edge sends again, to another replica. */
  drain(): void;
}

/**
 * The handler of Record: one batch after the other, each acknowledged once it is durable. The next
 * is not read before, so an edge that sends faster than we store is held back by flow control.
 */
export function recordHandler(parts: CallParts & RecordParts): RecordHandler {
  const open = new Set<RecordCall>();
  return {
    handle(call) {
      open.add(call);
      call.on('error', () => undefined);
      call.on('close', () => open.delete(call));
      call.on('cancelled', () => open.delete(call));
      serve(call, parts).catch((error: unknown) => {
        // The edge, or its connection, is gone: that ends the iteration with an error.
        if (!open.has(call)) return;
        const refusal = toCallError(error, parts.log.with({ method: 'record' }));
        parts.metrics.call('record', status[refusal.code]);
        call.emit('error', refusal);
      });
    },
    drain() {
      for (const call of open) {
        open.delete(call);
        call.emit('error', new CallError(status.UNAVAILABLE, 'this replica is going away'));
      }
    },
  };
}

async function serve(call: RecordCall, parts: CallParts & RecordParts): Promise<void> {
  const { edgeId } = await parts.authenticate(call);
  const batches = call.iterator({ destroyOnReturn: false }) as AsyncIterable<RecordRequest>;
  for await (const request of batches) {
    // A stream lives for hours: who sends is asked again for each batch.
    await parts.authenticate(call);
    await takeBatch(parts, edgeId, request);
    if (call.cancelled) return;
    call.write(create(RecordResponseSchema, { batch: request.batch }));
  }
  parts.metrics.call('record', 'OK');
  call.end();
}
