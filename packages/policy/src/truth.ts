/**
 * What a condition or a rule can be. `pending`: only a session could tell, and there is none.
 * `unknown`: a fact is missing or cannot be read.
 */
export type Truth = 'true' | 'false' | 'pending' | 'unknown';

/**
 * False decides, since nothing else could make the whole true; then unknown, since signing in would
 * not help; then pending.
 */
export function and(left: Truth, right: Truth): Truth {
  if (left === 'false' || right === 'false') return 'false';
  if (left === 'unknown' || right === 'unknown') return 'unknown';
  if (left === 'pending' || right === 'pending') return 'pending';
  return 'true';
}

/** The truth of a plain yes or no. */
export function truthOf(value: boolean): Truth {
  return value ? 'true' : 'false';
}
