import type { RequestFacts } from '@sallyport/policy';
import { headerName } from '../headers.ts';

type HeaderFacts = RequestFacts['headers'];

const none: HeaderFacts = Object.freeze({});

/**
 * The lines of the headers that conditions name, each as it was received. `lines`: name and value by
 * turns. No policy compiles that names a header which proves who somebody is.
 */
export function headerFacts(lines: readonly string[], names: readonly string[]): HeaderFacts {
  if (names.length === 0) return none;
  const found = new Map<string, string[]>();
  for (let at = 0; at < lines.length; at += 2) {
    const { lower } = headerName(lines[at] ?? '');
    if (!names.includes(lower)) continue;
    const value = lines[at + 1] ?? '';
    const before = found.get(lower);
    if (before === undefined) found.set(lower, [value]);
    else before.push(value);
  }
  // Not by assignment: a client may call a header __proto__.
  return found.size === 0 ? none : Object.fromEntries(found);
}
