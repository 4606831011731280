import { type ServerDuplexStream, status } from '@sallyport/proto/grpc';
import { CallError, toCallError } from './call-error.ts';
import type { CallParts } from './unary.ts';

export interface BatchHandler<Request, Response> {
  readonly handle: (call: ServerDuplexStream<Request, Response>) => void;
  /** Ends all streams; what was not acknowledged the edge sends again, to another replica. */
  drain(): void;
}

/**
 * The handler of a stream of batches: one after the other, each acknowledged once it is durable. The
 * next is not read before, so an edge that sends faster than we store is held back by flow control.
 * `take` resolves, when its batch is durable, to the acknowledgement.
 */
export function batchHandler<Request, Response>(
  parts: CallParts,
  method: string,
  take: (edgeId: string, request: Request) => Promise<Response>,
): BatchHandler<Request, Response> {
  type Call = ServerDuplexStream<Request, Response>;
  const open = new Set<Call>();
  const serve = async (call: Call): Promise<void> => {
    const { edgeId } = await parts.authenticate(call);
    const batches = call.iterator({ destroyOnReturn: false }) as AsyncIterable<Request>;
    for await (const request of batches) {
      // A stream lives for hours: who sends is asked again for each batch.
      await parts.authenticate(call);
      const acknowledgement = await take(edgeId, request);
      if (call.cancelled) return;
      call.write(acknowledgement);
    }
    parts.metrics.call(method, 'OK');
    call.end();
  };
  return {
    handle(call) {
      open.add(call);
      call.on('error', () => undefined);
      call.on('close', () => open.delete(call));
      call.on('cancelled', () => open.delete(call));
      serve(call).catch((error: unknown) => {
        // The edge, or its connection, is gone: that ends the iteration with an error.
        if (!open.has(call)) return;
        const refusal = toCallError(error, parts.log.with({ method }));
        parts.metrics.call(method, status[refusal.code]);
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
