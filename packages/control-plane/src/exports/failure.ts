/**
 * Why rows could not be sent. The words are for operators, in logs and answers of the admin API, so
 * they hold nothing that a receiver said.
 */
export class ExportFailure extends Error {
  override readonly name = 'ExportFailure';
  /** How long the receiver asks to be left alone; null: it did not say. */
  readonly retryAfterMs: number | null;

  constructor(message: string, options: { cause?: unknown; retryAfterMs?: number | null } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** The words for a failure of the network, of TLS or of a file: a code, and no more. */
export function failureWords(error: unknown): string {
  if (error instanceof ExportFailure) return error.message;
  if (error instanceof Error && error.name === 'TimeoutError') return 'no answer in time';
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'failed';
}
