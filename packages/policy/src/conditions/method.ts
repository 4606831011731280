import { isMethod } from '../methods.ts';
import { complain, type Place, readEntries } from '../read.ts';
import { truthOf } from '../truth.ts';
import type { ConditionKind } from './condition.ts';

/** `methods`: the request's method is one of these. HEAD is not GET. */
export const methods: ConditionKind = {
  compile(value, place) {
    const entries = readEntries(value, place, readMethod);
    if (entries === null) return null;
    const wanted = new Set(entries);
    return {
      field: 'methods',
      holds: (view) => truthOf(wanted.has(view.facts.request.method)),
      sure: true,
    };
  },
};

/** One upper-case method. */
export function readMethod(value: unknown, place: Place): string | null {
  if (typeof value === 'string' && isMethod(value)) return value;
  return complain(place, 'must be a method in upper case');
}
