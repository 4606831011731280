import { type ServerUnaryCall, status } from '@sallyport/proto/grpc';
import type { Log } from '@sallyport/shared/log';
import type { AuthenticatedCall } from './authenticate.ts';
import { CallError, toCallError } from './call-error.ts';
import type { EdgePeer } from './edge-peer.ts';
import type { GrpcMetrics } from './metrics.ts';

/** What every handler needs. */
export interface CallParts {
  /** Who calls; fails with a CallError for anybody but an edge in good standing. */
  readonly authenticate: (call: AuthenticatedCall) => Promise<EdgePeer>;
  readonly log: Log;
  readonly metrics: GrpcMetrics;
}

/** Who made a call and from where. */
export interface Caller extends EdgePeer {
  readonly sourceAddress: string;
  /** Whether the edge has given up meanwhile. */
  readonly gone: () => boolean;
}

type Answer<Response> = (error: CallError | null, response?: Response) => void;

/** A unary call that only an edge may make. */
export function edgeCall<Request, Response>(
  parts: CallParts,
  method: string,
  work: (caller: Caller, request: Request) => Promise<Response>,
): (call: ServerUnaryCall<Request, Response>, answer: Answer<Response>) => void {
  return (call, answer) => {
    const run = async (): Promise<Response> => {
      const peer = await parts.authenticate(call);
      const gone = (): boolean => call.cancelled;
      return work({ ...peer, sourceAddress: addressOf(call.getPeer()), gone }, call.request);
    };
    settle(parts, method, run(), answer);
  };
}

/** A unary call that anybody may make, few at a time. */
export function openCall<Request, Response>(
  parts: CallParts,
  method: string,
  atOnceMax: number,
  work: (sourceAddress: string, request: Request) => Promise<Response>,
): (call: ServerUnaryCall<Request, Response>, answer: Answer<Response>) => void {
  let running = 0;
  return (call, answer) => {
    const run = async (): Promise<Response> => {
      if (running >= atOnceMax) throw new CallError(status.RESOURCE_EXHAUSTED, 'try again later');
      running += 1;
      try {
        return await work(addressOf(call.getPeer()), call.request);
      } finally {
        running -= 1;
      }
    };
    settle(parts, method, run(), answer);
  };
}

function settle<Response>(
  { log, metrics }: CallParts,
  method: string,
  work: Promise<Response>,
  answer: Answer<Response>,
): void {
  work.then(
    (response) => {
      metrics.call(method, 'OK');
      answer(null, response);
    },
    (error: unknown) => {
      const refusal = toCallError(error, log.with({ method }));
      metrics.call(method, status[refusal.code]);
      answer(refusal);
    },
  );
}

/** The address in what grpc-js calls the peer, `address:port`. */
function addressOf(peer: string): string {
  return peer.slice(0, peer.lastIndexOf(':'));
}
