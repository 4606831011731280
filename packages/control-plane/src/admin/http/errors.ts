import {
  errorCodes,
  type FieldProblem,
  problemDocument,
  problemMediaType,
  SallyportError,
} from '@sallyport/shared/errors';
import type { Log } from '@sallyport/shared/log';
import type { FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { escapePointer } from './body.ts';
import { badFields, notFound } from './problems.ts';
import { routeNameOf } from './route-name.ts';

const problemsShownMax = 100;
const retryAfterSeconds = 2;

/** The one place where a failed request becomes a response. Causes go to the log alone. */
export function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Log,
): FastifyReply {
  const known = knownError(error);
  const { status } = errorCodes[known.code];
  if (status >= 500) {
    const { method, id: requestId } = request;
    const fields = { requestId, method, route: routeNameOf(request) };
    if (known.code === 'internal') log.error('admin.request_failed', { ...fields, error });
    else log.warn('admin.request_failed', { ...fields, error: known });
  }
  if (status === 401) reply.header('WWW-Authenticate', 'Bearer');
  if (status === 503) reply.header('Retry-After', retryAfterSeconds);
  const document = problemDocument(known, request.id);
  return reply
    .code(status)
    .type(problemMediaType)
    .send(Buffer.from(JSON.stringify(document)));
}

/** Framework codes that say what the client did wrong, and ours for them. */
const clientErrors: Readonly<Record<string, SallyportError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: new SallyportError(
    'payload_too_large',
    'a body may have 1 MiB, a set of documents 4 MiB',
  ),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: new SallyportError(
    'unsupported_media_type',
    'send the body as application/json',
  ),
  FST_ERR_CTP_EMPTY_JSON_BODY: new SallyportError('invalid_request', 'the body is empty'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: new SallyportError(
    'invalid_request',
    'the body has another length than it says',
  ),
};

function knownError(error: unknown): SallyportError {
  if (error instanceof SallyportError) return error;
  if (error instanceof Error && 'validation' in error && Array.isArray(error.validation)) {
    const context = 'validationContext' in error ? String(error.validationContext) : 'body';
    return invalidFields(error.validation as FastifySchemaValidationError[], context);
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return clientErrors[code] ?? new SallyportError('internal', 'see the log of the control plane');
}

function invalidFields(
  found: readonly FastifySchemaValidationError[],
  context: string,
): SallyportError {
  // An id of another shape names nothing.
  if (context === 'params') return notFound();
  // One for each field, and no more than are shown: a body may hold hundreds of thousands.
  const problems = new Map<string, FieldProblem>();
  for (const one of found) {
    const field = fieldOf(one, context);
    if (!problems.has(field)) problems.set(field, { field, message: sentence(one, found) });
    if (problems.size >= problemsShownMax) break;
  }
  return badFields([...problems.values()]);
}

function fieldOf(found: FastifySchemaValidationError, context: string): string {
  const { missingProperty, additionalProperty } = found.params;
  const member = missingProperty ?? additionalProperty;
  const below = typeof member === 'string' ? `/${escapePointer(member)}` : '';
  const pointer = `${found.instancePath}${below}`;
  return fieldIn(context, pointer);
}

function fieldIn(context: string, pointer: string): string {
  if (context === 'querystring') return `?${pointer.slice(1)}`;
  return context === 'headers' ? pointer.slice(1) : pointer;
}

function sentence(
  found: FastifySchemaValidationError,
  all: readonly FastifySchemaValidationError[],
): string {
  switch (found.keyword) {
    case 'required':
      return 'is missing';
    case 'additionalProperties':
      return 'is not known here';
    case 'enum':
    case 'const':
      return namesAllowed(found, all) ?? plain(found);
    case 'pattern':
      return shape(found) ?? plain(found);
    default:
      return plain(found);
  }
}

/** In place of the pattern of an id, what ids of that kind look like; null for other patterns. */
function shape(found: FastifySchemaValidationError): string | null {
  const prefix = /^\^([a-z]{3}_)\[/.exec(String(found.params['pattern']))?.[1];
  return prefix === undefined ? null : `must be an id, ${prefix} and 26 characters`;
}

/**
 * The names that stand at this place, such as outcomes or detectors; null where one name alone does,
 * which the schema may ask for in one of several forms of the whole.
 */
function namesAllowed(
  { keyword, params, instancePath }: FastifySchemaValidationError,
  all: readonly FastifySchemaValidationError[],
): string | null {
  const here = all.filter((one) => one.instancePath === instancePath);
  if (keyword === 'const' && !here.some((one) => one.keyword === 'anyOf')) return null;
  const names =
    keyword === 'enum' ? params['allowedValues'] : here.flatMap((one) => constantOf(one));
  return Array.isArray(names) ? `must be one of ${names.map(String).join(', ')}` : null;
}

function constantOf({ params }: FastifySchemaValidationError): readonly unknown[] {
  return 'allowedValue' in params ? [params['allowedValue']] : [];
}

function plain({ message }: FastifySchemaValidationError): string {
  return message ?? 'is not valid';
}
