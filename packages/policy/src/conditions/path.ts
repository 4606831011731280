import { type PathPattern, parsePattern, patternMatches } from '../pattern.ts';
import { complain, type Place, readEntries } from '../read.ts';
import { truthOf } from '../truth.ts';
import type { ConditionKind } from './condition.ts';

/** `paths`: the path matches one of these patterns (pattern.ts). The query is never looked at. */
export const paths: ConditionKind = {
  compile(value, place) {
    const patterns = readEntries(value, place, readPattern);
    if (patterns === null) return null;
    return {
      field: 'paths',
      steps: patterns.length,
      holds: (view) => truthOf(matchesAny(patterns, view.segments)),
      sure: true,
      keys: { by: 'path', values: patterns },
    };
  },
};

/** One path pattern. */
export function readPattern(value: unknown, place: Place): PathPattern | null {
  if (typeof value !== 'string') return complain(place, 'must be a path pattern');
  const parsed = parsePattern(value);
  return parsed.ok ? parsed.pattern : complain(place, `path pattern ${parsed.problem}`);
}

function matchesAny(patterns: readonly PathPattern[], segments: readonly string[]): boolean {
  for (const pattern of patterns) if (patternMatches(pattern, segments)) return true;
  return false;
}
