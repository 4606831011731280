import { type ServerDuplexStream, status } from '@sallyport/proto/grpc';
import { CallError, toCallError } from './call-error.ts';
import { takeInOrder } from './in-order.ts';
import type { CallParts } from './unary.ts';

export interface BatchHandler<Request, Response> {
  readonly handle: (call: ServerDuplexStream<Request, Response>) => void;
  /** Ends all streams; what was not acknowledged the edge sends again, to another replica. */
  drain(): void;
}

/** What is done with the batches of a stream. */
interface Batches<Request, Response> {
  readonly method: string;
  /** Batches of one stream under way at the same time; no other is read, so flow control holds back its edge. */
  readonly atOnceMax: number;
  /**
   * Resolves, when the batch is durable, to the acknowledgement. `before`: those before it are
   * acknowledged; where one of them failed, it fails.
   */
  readonly take: (edgeId: string, request: Request, before: Promise<void>) => Promise<Response>;
}

/** The handler of a stream of batches: each is acknowledged in its turn, once it is durable. */
export function batchHandler<Request, Response>(
  parts: CallParts,
  { method, atOnceMax, take }: Batches<Request, Response>,
): BatchHandler<Request, Response> {
  type Call = ServerDuplexStream<Request, Response>;
  const open = new Set<Call>();
  const serve = async (call: Call): Promise<void> => {
    const { edgeId } = await parts.authenticate(call);
    const batches = call.iterator({ destroyOnReturn: false }) as AsyncIterable<Request>;
    await takeInOrder(batches, {
      atOnceMax,
      // A stream lives for hours: who sends is asked again for each batch.
      admit: () => parts.authenticate(call),
      take: (request, before) => take(edgeId, request, before),
      answer: (acknowledgement) => {
        if (open.has(call)) call.write(acknowledgement);
      },
    });
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
