/**
 * Failures that leave our own code by name. Expected outcomes are values, bugs throw plain errors;
 * this is for what goes wrong outside. Every code stands in this table and in docs/errors.md.
 */
export const errorCodes = {
  // input
  invalid_request: { status: 400, title: 'The request is not valid' },
  invalid_configuration: { status: 422, title: 'The configuration is not valid' },
  policy_tests_failed: { status: 422, title: 'Tests in the configuration fail' },
  unauthenticated: { status: 401, title: 'Credentials are missing or not valid' },
  forbidden: { status: 403, title: 'The credentials do not allow this' },
  not_found: { status: 404, title: 'There is no such resource' },
  method_not_allowed: { status: 405, title: 'The resource does not take this method' },
  conflict: { status: 409, title: 'The resource is in another state' },
  approval_required: { status: 409, title: 'Another person has to approve this first' },
  blast_radius_exceeded: { status: 409, title: 'Too many users would lose access' },
  payload_too_large: { status: 413, title: 'The request body is too large' },
  unsupported_media_type: { status: 415, title: 'The request body must be JSON' },
  idempotency_key_reused: {
    status: 422,
    title: 'The idempotency key was used before with another request',
  },
  unprocessable: { status: 422, title: 'The request contradicts itself or what it is about' },
  too_many_requests: { status: 429, title: 'Too many requests' },
  // outside
  database_unavailable: { status: 503, title: 'The database cannot be reached' },
  database_read_only: { status: 503, title: 'The database takes no writes' },
  provider_unavailable: { status: 503, title: 'The identity provider cannot be reached' },
  // keys
  key_file_invalid: { status: 500, title: 'The key file cannot be used' },
  sealed_value_unreadable: {
    status: 500,
    title: 'A sealed value cannot be opened with this key file',
  },
  seed_invalid: { status: 500, title: 'The seed of the installation cannot be used' },
  internal: { status: 500, title: 'Something went wrong on our side' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof errorCodes;

/** One thing wrong with the input: where, as an RFC 6901 pointer or `file:line:column`, and what. */
export interface FieldProblem {
  readonly field: string;
  readonly message: string;
}

/** `detail` is for the client and holds no secret; `cause` is for the log alone. */
export class SallyportError extends Error {
  override readonly name = 'SallyportError';
  readonly code: ErrorCode;
  readonly problems: readonly FieldProblem[];

  constructor(
    code: ErrorCode,
    detail: string,
    options: { cause?: unknown; problems?: readonly FieldProblem[] } = {},
  ) {
    super(detail, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.problems = options.problems ?? [];
  }
}

/** RFC 9457 problem document, media type application/problem+json. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly correlationId: string;
  readonly errors?: readonly FieldProblem[];
}

/** Media type of problem documents. */
export const problemMediaType = 'application/problem+json';

/** The URI that names a kind of problem, also for codes that are not in the table (reasons). */
export function problemType(code: string): string {
  return `https://sallyport.dev/problems/${code}`;
}

/** The one place where an error becomes what a client of the admin API sees. */
export function problemDocument(error: SallyportError, correlationId: string): ProblemDocument {
  const { status, title } = errorCodes[error.code];
  return {
    type: problemType(error.code),
    title,
    status,
    detail: error.message,
    code: error.code,
    correlationId,
    ...(error.problems.length > 0 ? { errors: error.problems } : {}),
  };
}
