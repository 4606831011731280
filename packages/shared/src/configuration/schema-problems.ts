import type { TSchema } from 'typebox';
import { Settings } from 'typebox/system';
import { Value } from 'typebox/value';
import { nearest } from '../nearest.ts';

/**
 * What is wrong with a value by its schema, in sentences for the person who wrote it. Interpreted:
 * edges run without code generation from strings.
 */

export interface ValueProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/** The library stops at 8; we want all that a person would read. */
const problemsMax = 200;
Settings.Set({ maxErrors: problemsMax });

type SchemaError = ReturnType<typeof Value.Errors>[number];

/** All problems of the value; none: the value is of the schema. */
export function schemaProblems(schema: TSchema, value: unknown): ValueProblem[] {
  if (Value.Check(schema, value)) return [];
  const problems: ValueProblem[] = [];
  for (const error of Value.Errors(schema, value))
    problems.push(...translate(schema, value, error));
  // A value that does not check and of which nothing can be said is refused all the same.
  return problems.length > 0 ? problems : [{ path: [], message: 'is not valid' }];
}

function translate(schema: TSchema, value: unknown, error: SchemaError): ValueProblem[] {
  const path = pathOf(error.instancePath);
  // Branches of an alternative are told of together, by the alternative.
  if (/\/anyOf\/\d+/.test(error.schemaPath)) return [];
  switch (error.keyword) {
    case 'additionalProperties':
      return error.params.additionalProperties.map((name) => ({
        path: [...path, name],
        message: unknownField(name, at(schema, error.schemaPath)),
      }));
    case 'required':
      return error.params.requiredProperties.map((name) => ({
        path: [...path, name],
        message: 'is missing',
      }));
    // The same again for each unknown property.
    case 'boolean':
      return [];
    case 'anyOf':
      return ofAlternatives(at(schema, error.schemaPath), follow(value, path), path);
    default:
      return [
        { path, message: sentence(error, at(schema, error.schemaPath), follow(value, path)) },
      ];
  }
}

function sentence(error: SchemaError, schema: unknown, value: unknown): string {
  switch (error.keyword) {
    case 'type':
      return `must be ${nouns[String(error.params.type)] ?? 'something else'}, not ${kindOf(value)}`;
    case 'const':
      return `must be ${JSON.stringify(error.params.allowedValue)}`;
    case 'enum':
      return oneOf(error.params.allowedValues, value);
    case 'pattern':
      return `must be ${describe(schema) ?? `text like ${String(error.params.pattern)}`}`;
    case 'minLength':
      return error.params.limit === 1
        ? 'must not be empty'
        : `is shorter than ${error.params.limit}`;
    case 'maxLength':
      return `is longer than ${error.params.limit} characters`;
    case 'minItems':
    case 'minProperties':
      return error.params.limit === 1
        ? 'must not be empty'
        : `has fewer than ${error.params.limit} entries`;
    case 'maxItems':
      return `has more than ${error.params.limit} entries`;
    case 'uniqueItems':
      return 'has the same entry twice';
    case 'minimum':
      return `must be at least ${error.params.limit}`;
    case 'maximum':
      return `must be at most ${error.params.limit}`;
    default:
      return error.message;
  }
}

const nouns: Readonly<Record<string, string>> = {
  string: 'text',
  array: 'a list',
  object: 'an object',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'null',
};

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return 'text';
}

function unknownField(name: string, schema: unknown): string {
  const known = Object.keys((member(schema, 'properties') as object | undefined) ?? {});
  const near = nearest(name, known);
  if (near !== null) return `is not a known field; did you mean ${near}?`;
  return known.length === 0
    ? 'is not a known field'
    : `is not a known field; known are ${known.join(', ')}`;
}

/**
 * Where one alternative is of the value's type, what is wrong with it as that; else what the
 * alternatives are.
 */
function ofAlternatives(schema: unknown, value: unknown, path: readonly string[]): ValueProblem[] {
  const listed = member(schema, 'anyOf');
  const branches: readonly unknown[] = Array.isArray(listed) ? listed : [];
  const meant = branches.find((branch) => isOfType(member(branch, 'type'), value, branch));
  if (meant !== undefined) {
    return schemaProblems(meant as TSchema, value).map((problem) => ({
      path: [...path, ...problem.path],
      message: problem.message,
    }));
  }
  const words = branches
    .map((branch) => member(branch, 'const'))
    .filter((one) => one !== undefined);
  const types = branches
    .filter((branch) => member(branch, 'const') === undefined)
    .map((branch) => nouns[String(member(branch, 'type'))] ?? 'something else');
  if (types.length > 0) return [{ path, message: `must be ${inWords([...words, ...types])}` }];
  return [{ path, message: oneOf(words, value) }];
}

function isOfType(type: unknown, value: unknown, branch: unknown): boolean {
  if (value === null || member(branch, 'const') !== undefined) return false;
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return typeof value === 'number';
  return typeof value === type && !Array.isArray(value);
}

function inWords(all: readonly unknown[]): string {
  const texts = all.map(String);
  const last = texts.pop() ?? '';
  return texts.length === 0 ? last : `${texts.join(', ')} or ${last}`;
}

function oneOf(allowed: readonly unknown[], value: unknown): string {
  const words = allowed.map(String);
  const near = typeof value === 'string' ? nearest(value, words) : null;
  return `must be one of ${words.join(', ')}${near === null ? '' : `; did you mean ${near}?`}`;
}

function describe(schema: unknown): string | null {
  const description = member(schema, 'description');
  return typeof description === 'string' ? description : null;
}

function at(schema: TSchema, schemaPath: string): unknown {
  return follow(schema, pathOf(schemaPath.replace(/^#/, '')));
}

function follow(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => member(inner, name), value);
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

/** The parts of a pointer, RFC 6901. */
export function pathOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}
