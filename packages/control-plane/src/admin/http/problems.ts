import { instantMs } from '@sallyport/policy';
import { type FieldProblem, SallyportError } from '@sallyport/shared/errors';

/** A request that names one field wrongly. `field` is a JSON pointer into the body, or `?name`. */
export function badField(field: string, message: string): SallyportError {
  return badFields([{ field, message }]);
}

export function badFields(problems: readonly FieldProblem[]): SallyportError {
  return new SallyportError('invalid_request', 'the request has fields that are not valid', {
    problems,
  });
}

/** A request whose parts are valid and contradict each other, or the thing they are about. */
export function contradiction(field: string, message: string): SallyportError {
  return new SallyportError('unprocessable', message, { problems: [{ field, message }] });
}

/** The same answer whether the id has the wrong shape or nothing has it. */
export function notFound(): SallyportError {
  return new SallyportError('not_found', 'there is no such resource');
}

export function conflict(detail: string): SallyportError {
  return new SallyportError('conflict', detail);
}

/** Milliseconds of an instant that a client wrote. Throws for what is none after 1970. */
export function instantAt(written: string, field: string): number {
  const atMs = instantMs(written);
  if (atMs !== null && atMs >= 0) return atMs;
  throw badField(field, 'must be a date and time with its offset, such as 2026-12-01T08:00:00Z');
}
