import { canonicalPath, isCanonicalPath } from './canonical-path.ts';
import { unescapeReserved } from './escapes.ts';

/**
 * Path patterns: literal segments, `{name}` for exactly one segment, `**` at the end for any number
 * of segments, none included. A slash at the end changes nothing, neither in a pattern nor in a
 * path. Case counts.
 */
export interface PathPattern {
  /** A literal in matching form, or null for `{name}`. */
  readonly segments: readonly (string | null)[];
  /** Whether it ends in `**`. */
  readonly rest: boolean;
}

export type ParsedPattern =
  | { readonly ok: true; readonly pattern: PathPattern }
  | { readonly ok: false; readonly problem: string };

const placeholder = /^\{[A-Za-z_][A-Za-z0-9_]*\}$/;
const patternLengthMax = 1024;

/** Reads a pattern; the problem is a sentence for the administrator. */
export function parsePattern(text: string): ParsedPattern {
  if (text.length > patternLengthMax) return refuse('is longer than 1024 characters');
  if (!text.startsWith('/')) return refuse('must begin with /');
  if (text === '/') return { ok: true, pattern: { segments: [], rest: false } };
  const parts = text.slice(1).split('/');
  const rest = parts[parts.length - 1] === '**';
  if (rest || parts[parts.length - 1] === '') parts.pop();
  const segments: (string | null)[] = [];
  for (const part of parts) {
    const problem = placeholder.test(part) ? null : literalProblem(part);
    if (problem !== null) return refuse(problem);
    segments.push(part.startsWith('{') ? null : unescapeReserved(part));
  }
  return { ok: true, pattern: { segments, rest } };
}

/** The segments of a canonical path in the form that patterns are compared in. */
export function segmentsOf(path: string): readonly string[] {
  const end = path.endsWith('/') ? path.length - 1 : path.length;
  return end === 0 ? [] : unescapeReserved(path.slice(1, end)).split('/');
}

/** Whether the pattern matches the segments of a path. */
export function patternMatches(pattern: PathPattern, segments: readonly string[]): boolean {
  const wanted = pattern.segments;
  if (segments.length < wanted.length) return false;
  if (segments.length > wanted.length && !pattern.rest) return false;
  for (let at = 0; at < wanted.length; at += 1) {
    const literal = wanted[at];
    if (literal !== null && literal !== segments[at]) return false;
  }
  return true;
}

/** One text for all spellings of a pattern, so that duplicates are found. */
export function patternKey(pattern: PathPattern): string {
  const parts = pattern.segments.map((literal) => literal ?? '{}');
  return `/${[...parts, ...(pattern.rest ? ['**'] : [])].join('/')}`;
}

function literalProblem(part: string): string | null {
  if (part === '') return 'has an empty segment';
  if (part.includes('*')) {
    return 'has a star inside: write {name} for one segment, ** at the end for any number, %2A for a star';
  }
  if (/[{}]/.test(part)) return 'has a brace that does not enclose a whole segment and a name';
  const path = `/${part}`;
  if (isCanonicalPath(path)) return null;
  const canonical = canonicalPath(path);
  if (!canonical.ok) return `has a segment that no request can have (${canonical.problem})`;
  return `has a segment that is not in canonical form: ${part}`;
}

function refuse(problem: string): ParsedPattern {
  return { ok: false, problem };
}
