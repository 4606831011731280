import type { SyncRequest } from '@sallyport/proto';
import { type ServerDuplexStream, status } from '@sallyport/proto/grpc';
import type { Encoded } from '../publish/3-frames/encode.ts';
import type { Pipe, StreamEnd } from '../publish/4-stream/sync-stream.ts';
import type { Publisher } from '../publish/publisher.ts';
import { busyError, CallError, toCallError } from './call-error.ts';
import type { Connections } from './connections.ts';
import type { CallParts } from './unary.ts';

/** What an edge said, and what it took on the line. */
export interface Received {
  readonly request: SyncRequest;
  readonly bytes: number;
}

/** The responses are encoded already: see `edgeService` in server.ts. */
export type SyncCall = ServerDuplexStream<Received, Encoded>;

/** The handler of Sync: authenticates, then joins the gRPC call and the publisher's stream. */
export function syncHandler(
  parts: CallParts & { readonly publisher: Publisher; readonly connections: Connections },
): (call: SyncCall) => void {
  return (call) => {
    // Without a listener an error of the transport would end the process.
    call.on('error', () => undefined);
    serve(call, parts).catch((error: unknown) => {
      const refusal = toCallError(error, parts.log);
      parts.metrics.call('sync', status[refusal.code]);
      call.emit('error', refusal);
    });
  };
}

async function serve(
  call: SyncCall,
  parts: CallParts & { readonly publisher: Publisher; readonly connections: Connections },
): Promise<void> {
  const peer = await parts.authenticate(call);
  if (call.cancelled) return;
  const stream = parts.publisher.openStream(peer, pipeOf(call, parts.connections));
  if (stream === null) throw new CallError(status.UNAVAILABLE, 'no more streams here');
  parts.metrics.call('sync', 'OK');
  call.on('cancelled', () => stream.closed());
  call.on('close', () => stream.closed());
  call.on('end', () => {
    stream.closed();
    call.end();
  });
  call.on('data', ({ request, bytes }: Received) => stream.receive(request, bytes));
}

function pipeOf(call: SyncCall, connections: Connections): Pipe {
  // The name must be taken while there is a socket.
  const peer = call.getPeer();
  return {
    write: (bytes, flushed) => void call.write(bytes, flushed),
    end(reason) {
      call.emit('error', endError(reason));
      // Whoever does not read will not read the end either.
      if (reason.kind === 'stalled') connections.destroy(peer);
    },
  };
}

function endError(reason: StreamEnd): CallError {
  switch (reason.kind) {
    case 'draining':
      return new CallError(status.UNAVAILABLE, 'this replica is going away');
    case 'stalled':
      return new CallError(status.RESOURCE_EXHAUSTED, 'the stream was not read');
    case 'barred':
      return new CallError(status.PERMISSION_DENIED, 'this edge is blocked or deleted');
    case 'certificate_expired':
      return new CallError(status.UNAUTHENTICATED, 'the edge certificate has expired');
    case 'busy':
      return busyError(reason.retryAfterMs);
    case 'flooding':
      return new CallError(status.RESOURCE_EXHAUSTED, 'too much is said on this stream');
    case 'protocol':
      return new CallError(status.INVALID_ARGUMENT, reason.detail);
  }
}
