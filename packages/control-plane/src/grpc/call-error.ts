import { Metadata, status } from '@sallyport/proto/grpc';
import { errorCodes, SallyportError } from '@sallyport/shared/errors';
import type { Log } from '@sallyport/shared/log';

/** A call that is refused with a gRPC status. `detail` goes to the caller and holds no secret. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly code: status;
  /** What grpc-js sends as the status message. */
  readonly details: string;
  /** Goes out as trailers. */
  readonly metadata: Metadata = new Metadata();

  constructor(code: status, details: string) {
    super(details);
    this.code = code;
    this.details = details;
  }
}

/** A refusal for load: the caller may come back after so long. */
export function busyError(retryAfterMs: number): CallError {
  const error = new CallError(status.UNAVAILABLE, 'too many at a time');
  error.metadata.set(retryAfterTrailer, String(retryAfterMs));
  return error;
}

const retryAfterTrailer = 'retry-after-ms';

/** By HTTP status, which says the same of every code in the table of shared/errors.ts. */
const statusOf = new Map<number, status>([
  [400, status.INVALID_ARGUMENT],
  [401, status.UNAUTHENTICATED],
  [403, status.PERMISSION_DENIED],
  [404, status.NOT_FOUND],
  [405, status.UNIMPLEMENTED],
  [409, status.FAILED_PRECONDITION],
  [413, status.RESOURCE_EXHAUSTED],
  [415, status.INVALID_ARGUMENT],
  [422, status.FAILED_PRECONDITION],
  [429, status.RESOURCE_EXHAUSTED],
  [503, status.UNAVAILABLE],
]);

/** The one place where a failure becomes a gRPC status. Causes go to the log alone. */
export function toCallError(error: unknown, log: Log): CallError {
  if (error instanceof CallError) return error;
  if (error instanceof SallyportError) {
    const code = statusOf.get(errorCodes[error.code].status);
    if (code !== undefined) {
      log.info('grpc.call_refused', { error });
      return new CallError(code, error.message);
    }
  }
  log.error('grpc.call_failed', { error });
  return new CallError(status.INTERNAL, 'something went wrong on our side');
}
