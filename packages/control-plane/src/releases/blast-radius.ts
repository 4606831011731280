import { compile } from '@sallyport/policy';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { toPolicySet } from '@sallyport/shared/configuration/set';
import { SallyportError } from '@sallyport/shared/errors';
import type { UsersAffected } from '../ports.ts';
import type { Executor } from '../store/database.ts';
import type { MeasuredEffect } from '../store/schema/index.ts';
import type { ReleaseSettings } from './settings.ts';

/** Who would lose access if the candidate took the place of the live set. */
export async function measureEffect(
  db: Executor,
  usersAffected: UsersAffected,
  live: readonly ConfigurationDocument[],
  candidate: readonly ConfigurationDocument[],
  { limit, windowMs }: ReleaseSettings['blastRadius'],
  nowMs: number,
): Promise<MeasuredEffect> {
  const affected = await usersAffected(
    db,
    compile(toPolicySet(0, live)),
    compile(toPolicySet(1, candidate)),
    { sinceMs: nowMs - windowMs, untilMs: nowMs },
  );
  return { ...affected, windowMs, limit };
}

/** Share of the active users that lose access, 0 to 1. */
export function shareOf({ active, lose }: MeasuredEffect): number {
  return active === 0 ? 0 : lose / active;
}

/** Whether more users lose access than one person may decide. */
export function isTooFar(effect: MeasuredEffect): boolean {
  return effect.limit !== null && shareOf(effect) > effect.limit;
}

const namedMax = 5;

/** Says how many, and who. */
export function tooFar(effect: MeasuredEffect): SallyportError {
  const { active, lose, examples, limit } = effect;
  const named = examples.slice(0, namedMax).map(({ email, user }) => email ?? user);
  const more = lose > named.length ? ` and ${lose - named.length} more` : '';
  const detail =
    `${lose} of ${active} active users would lose access (${percent(shareOf(effect))}, ` +
    `${percent(limit ?? 1)} may): ${named.join(', ')}${more}; if that is meant, confirm it, ` +
    'and another person has to approve it';
  return new SallyportError('blast_radius_exceeded', detail, {
    problems: examples.map(({ email, user, route, method, host, path, reason, correlationId }) => ({
      field: email ?? user,
      message: `route ${route ?? 'none'}: ${method} ${host}${path} would be ${reason} (${correlationId})`,
    })),
  });
}

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`;
}
