import type { FieldProblem } from '@sallyport/shared/errors';

/** Every way a command can end. Scripts rely on the numbers; README.md and the help list them. */
export const exits = {
  ok: { code: 0, meaning: 'done' },
  failed: { code: 1, meaning: 'failed for another reason; the message says which' },
  usage: { code: 2, meaning: 'the command line is wrong' },
  not_found: { code: 3, meaning: 'there is no such resource' },
  refused: { code: 4, meaning: 'the token is missing, not valid, or does not allow this' },
  unreachable: { code: 5, meaning: 'the control plane cannot be reached or cannot serve now' },
  invalid: { code: 6, meaning: 'the input is not valid; each problem is listed with its place' },
  partly_enforced: {
    code: 7,
    meaning: 'committed, but not every edge has confirmed that it enforces it',
  },
  needs_approval: {
    code: 8,
    meaning: 'kept as a version, which waits for another person to approve it',
  },
  open: { code: 9, meaning: 'an upstream answers somebody who is no edge' },
} as const satisfies Record<string, { code: number; meaning: string }>;

export type Exit = keyof typeof exits;

/** Ends a command with one clear line, and the field problems where there are any. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exit: Exit;
  readonly problems: readonly FieldProblem[];
  /** The code of the control plane's problem document, null where the failure is our own. */
  readonly code: string | null;
  readonly correlationId: string | null;

  constructor(
    exit: Exit,
    message: string,
    more: {
      problems?: readonly FieldProblem[];
      code?: string;
      correlationId?: string;
      cause?: unknown;
    } = {},
  ) {
    super(message, more.cause === undefined ? {} : { cause: more.cause });
    this.exit = exit;
    this.problems = more.problems ?? [];
    this.code = more.code ?? null;
    this.correlationId = more.correlationId ?? null;
  }

  /** The same failure with another message. */
  withMessage(message: string): Failure {
    return this.#copy(message, this.problems);
  }

  /** The same failure with its problems told in other words. */
  withProblems(problems: readonly FieldProblem[]): Failure {
    return this.#copy(this.message, problems);
  }

  #copy(message: string, problems: readonly FieldProblem[]): Failure {
    return new Failure(this.exit, message, {
      problems,
      ...(this.code === null ? {} : { code: this.code }),
      ...(this.correlationId === null ? {} : { correlationId: this.correlationId }),
      cause: this,
    });
  }
}
