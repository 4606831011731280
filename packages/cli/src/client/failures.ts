import type { FieldProblem } from '@sallyport/shared/errors';
import { type Exit, Failure } from '../exit.ts';
import type { Json } from './reading.ts';
import { errorCode } from './settings.ts';

/** The exit of an answer that is not 2xx. */
function exitOf(status: number, code: unknown): Exit {
  if (code === 'approval_required') return 'needs_approval';
  if (status === 401 || status === 403) return 'refused';
  if (status === 404) return 'not_found';
  if (status === 400 || status === 413 || status === 415 || status === 422) return 'invalid';
  if (status === 502 || status === 503 || status === 504) return 'unreachable';
  return 'failed';
}

/** The failure that a problem document (RFC 9457) tells, or the bare status where it is none. */
export function answeredFailure(status: number, body: unknown, requestId: string | null): Failure {
  const problem = typeof body === 'object' && body !== null ? (body as Json) : {};
  const { title, detail, code, correlationId, errors } = problem;
  const words = [title, detail]
    .filter((part): part is string => typeof part === 'string' && part !== '')
    .filter((part, index, all) => index === 0 || part.toLowerCase() !== all[0]?.toLowerCase());
  const reference = typeof correlationId === 'string' ? correlationId : requestId;
  return new Failure(
    exitOf(status, code),
    words.length > 0 ? words.join(': ') : `the control plane answered ${status}`,
    {
      problems: Array.isArray(errors) ? errors.flatMap(fieldProblem) : [],
      ...(typeof code === 'string' ? { code } : {}),
      ...(reference === null ? {} : { correlationId: reference }),
    },
  );
}

function fieldProblem(value: unknown): FieldProblem[] {
  if (typeof value !== 'object' || value === null) return [];
  const { field, message } = value as Json;
  return typeof field === 'string' && typeof message === 'string' ? [{ field, message }] : [];
}

/** Words for the codes that a connection to the control plane is known to fail with. */
const connectionProblems: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'there is no way to this host',
  ENETUNREACH: 'there is no way to this network',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name could not be looked up',
  ETIMEDOUT: 'the connection took too long',
  UND_ERR_CONNECT_TIMEOUT: 'the connection took too long',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'the answer stopped half-way',
  UND_ERR_SOCKET: 'the connection was closed',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'the answer is too large',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  EPROTO: 'it does not speak TLS',
};

const untrustedCodes = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/**
 * The failure of a request without an answer. A write may have been done all the same, so its
 * idempotency key is told: repeating it with that key is safe.
 */
export function unansweredFailure(
  error: unknown,
  origin: string,
  writeKey: string | null,
): Failure {
  const code = errorCode(rootCause(error));
  const words = untrustedCodes.has(code)
    ? 'its certificate comes from an authority that is not trusted; name the CA file with --ca'
    : (connectionProblems[code] ?? 'the request failed');
  const unsure =
    writeKey !== null && mayHaveArrived(code)
      ? `; it may have been done, repeat it with --idempotency-key ${writeKey}`
      : '';
  return new Failure('unreachable', `cannot reach ${origin}: ${words} (${code})${unsure}`, {
    cause: error,
  });
}

function mayHaveArrived(code: string): boolean {
  return [
    'ECONNRESET',
    'UND_ERR_SOCKET',
    'UND_ERR_HEADERS_TIMEOUT',
    'UND_ERR_BODY_TIMEOUT',
  ].includes(code);
}

function rootCause(error: unknown): unknown {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors[0];
  return error instanceof Error && !('code' in error) && error.cause !== undefined
    ? error.cause
    : error;
}

/** The request's answer; where there is no such resource, in words that name it. */
export async function orNotFound<Answer>(
  request: Promise<Answer>,
  message: string,
): Promise<Answer> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof Failure && error.exit === 'not_found') throw error.withMessage(message);
    throw error;
  }
}
