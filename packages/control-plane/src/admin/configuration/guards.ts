import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { releaseSettings } from '../../releases/settings.ts';

type Documents = readonly ConfigurationDocument[];

/**
 * Whether a set asks for less than the live one before the next version goes out: no other person,
 * or more users who may lose access, or fewer who are counted. It takes nothing from anybody, so
 * nothing else would ask for a second person, and the version after it could do anything.
 */
export function weakensGuards(live: Documents, next: Documents): boolean {
  const before = releaseSettings(live);
  const after = releaseSettings(next);
  if (before.approvalRequired && !after.approvalRequired) return true;
  const { limit, windowMs } = before.blastRadius;
  if (limit === null) return false;
  const { blastRadius } = after;
  return (blastRadius.limit ?? Infinity) > limit || blastRadius.windowMs < windowMs;
}
