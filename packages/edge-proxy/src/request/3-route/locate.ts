import { canonicalPath } from '@sallyport/policy';
import { type Answer, grow, type Identified, type Located } from '../exchange.ts';

/**
 * Brings the path into its one canonical form, by which it is matched and forwarded. What could be
 * read in two ways is refused, not repaired. Which route it is, if any, is settled in the decision.
 */
export function locate(value: Identified): Located | Answer {
  const canonical = canonicalPath(value.head.rawPath);
  if (!canonical.ok) return { kind: 'refused', code: 'path_ambiguous' };
  return grow(value, { path: canonical.path });
}
