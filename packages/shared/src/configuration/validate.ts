import type { FieldProblem } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { apiVersion, type ConfigurationDocument, type Kind, kinds } from './documents.ts';
import { schemaProblems, type ValueProblem } from './schema-problems.ts';
import { depthMax } from './yaml.ts';

export type ValidatedDocument =
  | { readonly document: ConfigurationDocument }
  | { readonly problems: readonly FieldProblem[] };

/**
 * Checks one document, whatever it is, against the schema of its kind. `where` comes before the
 * JSON pointer in each problem. Never throws.
 */
export function validateDocument(value: unknown, where: string): ValidatedDocument {
  const problems = documentProblems(value);
  if (problems.length === 0) return { document: value as ConfigurationDocument };
  return {
    problems: problems.map(({ path, message }) => ({ field: where + pointerOf(path), message })),
  };
}

/** All problems of one document; none: it is a ConfigurationDocument. */
export function documentProblems(value: unknown): ValueProblem[] {
  const shape = shapeProblem(value, [], 0);
  if (shape !== null) return [shape];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [{ path: [], message: 'must be an object with apiVersion, kind, metadata and spec' }];
  }
  const version: unknown = 'apiVersion' in value ? value.apiVersion : undefined;
  const kind: unknown = 'kind' in value ? value.kind : undefined;
  if (!isKind(kind))
    return [versionProblem(version), kindProblem(kind)].filter((one) => one !== null);
  // What is wrong with the rest of a document for another release is not the writer's mistake.
  const other = typeof version === 'string' ? versionProblem(version) : null;
  if (other !== null) return [other];
  return schemaProblems(kinds[kind], value);
}

/** RFC 6901. */
export function pointerOf(path: readonly string[]): string {
  return path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function isKind(kind: unknown): kind is Kind {
  return typeof kind === 'string' && Object.hasOwn(kinds, kind);
}

function versionProblem(version: unknown): ValueProblem | null {
  if (version === apiVersion) return null;
  const message = `must be ${JSON.stringify(apiVersion)}`;
  const family = apiVersion.slice(0, apiVersion.indexOf('/') + 1);
  return typeof version === 'string' && version.startsWith(family)
    ? { path: ['apiVersion'], message: `${message}: this document is for another release` }
    : { path: ['apiVersion'], message };
}

function kindProblem(kind: unknown): ValueProblem {
  const known = Object.keys(kinds);
  if (typeof kind !== 'string')
    return { path: ['kind'], message: `must be one of ${known.join(', ')}` };
  const near = nearest(kind, known);
  const hint = near === null ? `known are ${known.join(', ')}` : `did you mean ${near}?`;
  return {
    path: ['kind'],
    message: `${JSON.stringify(kind.slice(0, 64))} is not a known kind; ${hint}`,
  };
}

/** What no schema says: how deep it may be, and names that JavaScript gives a meaning. */
function shapeProblem(value: unknown, path: readonly string[], depth: number): ValueProblem | null {
  if (typeof value === 'number' && !Number.isFinite(value))
    return { path, message: 'must be a number' };
  if (typeof value === 'string' && !value.isWellFormed()) {
    return { path, message: 'must be well-formed Unicode' };
  }
  if (typeof value !== 'object' || value === null) return null;
  if (depth === depthMax) return { path: [], message: `is nested more than ${depthMax} deep` };
  for (const [name, inner] of Object.entries(value)) {
    if (name === '__proto__')
      return { path: [...path, name], message: 'cannot be the name of a field' };
    const problem = shapeProblem(inner, [...path, name], depth + 1);
    if (problem !== null) return problem;
  }
  return null;
}
