import type fc from 'fast-check';
import type { Facts } from '../src/index.ts';

/** What `fc.check` runs. */
export type Property = fc.IRawProperty<unknown, false>;

/** The next of them; 0 when there are no more. */
export function next(numbers: fc.Stream<number>): number {
  const found = numbers.next();
  return found.done === true ? 0 : found.value;
}

/** The same facts of a request for this path. */
export function at(one: Facts, path: string): Facts {
  return { ...one, request: { ...one.request, path } };
}

/** Throws where the two are written otherwise. */
export function same(found: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  if (left !== right) throw new Error(`found ${left}, expected ${right}`);
}
