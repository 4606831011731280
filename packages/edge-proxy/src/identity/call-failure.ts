import { status } from '@sallyport/proto/grpc';
import type { CallFailure } from '../worker/request-worker.ts';

/** The gRPC status code of an error; null: it is not one of gRPC. */
export function serviceErrorCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return typeof error.code === 'number' ? error.code : null;
}

/** What a failed call means to the side that made it. */
export function callFailure(error: unknown): CallFailure {
  const detail = error instanceof Error ? error.message : String(error);
  switch (serviceErrorCode(error)) {
    case status.UNAVAILABLE:
    case status.RESOURCE_EXHAUSTED:
    case status.CANCELLED:
      return { code: 'unavailable', detail };
    case status.DEADLINE_EXCEEDED:
      return { code: 'timeout', detail };
    case status.INVALID_ARGUMENT:
    case status.NOT_FOUND:
    case status.FAILED_PRECONDITION:
    case status.OUT_OF_RANGE:
      return { code: 'invalid', detail };
    default:
      return { code: 'internal', detail };
  }
}
