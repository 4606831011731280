import type { Admin, Revoked } from '../support/admin.ts';

export interface Flood {
  readonly confirmed: number;
  readonly tookMs: number;
  /** The highest revision that was confirmed; null: none was. */
  readonly last: Revoked | null;
}

let floods = 0;

/**
 * Revokes people whom nobody asks with, as fast as `workers` clients get answers, for `ms`
 * milliseconds, through all replicas in turn.
 */
export async function revokeFlood(admin: Admin, workers: number, ms: number): Promise<Flood> {
  floods += 1;
  const { body: user } = await admin.at(0).post<{ readonly id: string }>('/v1/users', {
    email: `flood-${floods}@corp.localhost`,
    displayName: `Flood ${floods}`,
  });
  const startedAt = performance.now();
  let confirmed = 0;
  let last: Revoked | null = null;
  const work = async (worker: number): Promise<void> => {
    for (let count = worker; performance.now() - startedAt < ms; count += 1) {
      const options = { effect: 'end', first: count, wait: false } as const;
      const revoked = await admin.revoke({ kind: 'user', id: user.id }, options);
      confirmed += 1;
      if (last === null || revoked.position.rev > last.position.rev) last = revoked;
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
  return { confirmed, tookMs: performance.now() - startedAt, last };
}
