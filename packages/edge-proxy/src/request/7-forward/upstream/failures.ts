import { errors } from 'undici';
import type { FailureCode } from '../../words.ts';
import { identityRefused } from './identity.ts';

/** The response did not end within the time that the route allows for the whole of it. */
export class TotalTimeoutError extends Error {
  override readonly name = 'TotalTimeoutError';
  readonly code = 'ERR_SALLYPORT_TOTAL_TIMEOUT';
}

/** The time that the client gave a call of gRPC is over. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
  readonly code = 'ERR_SALLYPORT_DEADLINE';
}

/** There was no file descriptor for a connection in time: no fault of the target. */
export class NoConnectionError extends Error {
  override readonly name = 'NoConnectionError';
  readonly code = 'ERR_SALLYPORT_NO_CONNECTION';

  constructor() {
    super('as many connections to upstreams are open as may be');
  }
}

/** OpenSSL's word for an upstream that speaks none of the protocols offered to it. */
const noProtocol = 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL';

/** What came is no answer, though it could be read. */
export class BadResponseError extends Error {
  override readonly name = 'BadResponseError';
  readonly code = 'ERR_SALLYPORT_BAD_RESPONSE';
}

/** Instead of ECONNRESET: undici takes that for the end of a response that has no other. */
export const connectionReset = 'ERR_SALLYPORT_CONNECTION_RESET';

/** What an upstream's failure means, by the codes of Node, OpenSSL and undici; never by text. */
export function failureOf(error: Error): FailureCode {
  const code = codeOf(error);
  if (code === 'ERR_SALLYPORT_ADDRESS_REFUSED') return 'upstream_address_refused';
  if (code === identityRefused) return 'upstream_identity_refused';
  if (code === 'ERR_SALLYPORT_UPSTREAM_PROTOCOL' || code === noProtocol) return 'upstream_protocol';
  if (busyCodes.has(code)) return 'upstream_busy';
  if (code === 'ERR_SALLYPORT_DEADLINE') return 'deadline_exceeded';
  if (timeouts.has(code)) return 'upstream_timeout';
  if (error instanceof errors.HTTPParserError || badResponses.has(code)) {
    return 'upstream_bad_response';
  }
  if (code.startsWith('ERR_TLS_') || certificateProblems.test(code)) return 'upstream_untrusted';
  return 'upstream_unreachable';
}

/** Whether a request without a body may be tried once more: the connection broke under it. */
export function connectionBroke(error: Error): boolean {
  return broken.has(codeOf(error));
}

function codeOf(error: Error): string {
  if (error instanceof AggregateError) {
    const [first] = error.errors as unknown[];
    if (first instanceof Error) return codeOf(first);
  }
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const busyCodes = new Set(['ERR_SALLYPORT_UPSTREAM_BUSY', 'ERR_SALLYPORT_NO_CONNECTION']);
const timeouts = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
  'ERR_SALLYPORT_TOTAL_TIMEOUT',
  'ERR_SALLYPORT_UPSTREAM_TIMEOUT',
]);
const badResponses = new Set([
  'ERR_SALLYPORT_UPSTREAM_RESET',
  'ERR_SALLYPORT_UPSTREAM_RESPONSE',
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_RESPONSE',
  'ERR_SALLYPORT_BAD_RESPONSE',
  'ERR_INVALID_CHAR',
  'ERR_HTTP_INVALID_STATUS_CODE',
  'ERR_HTTP_INVALID_HEADER_VALUE',
]);
const broken = new Set([
  'UND_ERR_SOCKET',
  'ECONNRESET',
  connectionReset,
  'EPIPE',
  'ERR_SALLYPORT_UPSTREAM_LOST',
]);
/** X509_V_ERR_* as Node names them. */
const certificateProblems =
  /^(?:CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|PATH_LENGTH_|ERR_SSL_)/;
