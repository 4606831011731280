import type { Facts, UserFacts } from '@sallyport/policy';
import { findBlocked } from '../../store/blocked.ts';
import type { Executor } from '../../store/database.ts';
import { employmentOf, groupNamesOf, type UserRow } from '../../store/users.ts';

/** What a question is asked about, where a request would say it. */
export interface Asked {
  readonly nowMs: number;
  readonly method: string;
  readonly host: string;
  readonly path: string;
}

const sessionMs = 3_600_000;

/** What the directory and the revocations say of some users, and of everyone. */
export interface Directory {
  readonly users: ReadonlyMap<string, UserFacts>;
  readonly lockdown: boolean;
}

/** Looks users up as edges know them. */
export async function readDirectory(
  db: Executor,
  rows: readonly UserRow[],
  nowMs: number,
): Promise<Directory> {
  const ids = rows.map(({ id }) => id);
  const groups = await groupNamesOf(db, ids);
  const blocked = await findBlocked(db, 'user', ids, nowMs);
  const everyone = await findBlocked(db, 'everyone', [''], nowMs);
  const users = rows.map((row): [string, UserFacts] => [
    row.id,
    {
      kind: 'known',
      id: row.id,
      email: row.email,
      groups: groups.get(row.id) ?? [],
      status: row.status,
      blocked: blocked.has(row.id),
      employment: employmentOf(row),
    },
  ]);
  return { users: new Map(users), lockdown: everyone.size > 0 };
}

/** Facts of a user who has signed in this very moment. Devices and places are left open. */
export function factsOfUser({ users, lockdown }: Directory, userId: string, asked: Asked): Facts {
  return {
    ...factsOfNobody(lockdown, asked),
    session: {
      kind: 'live',
      sid: 'ses_asked',
      userId,
      deviceId: null,
      authenticatedAtMs: asked.nowMs,
      amr: [],
      expiresAtMs: asked.nowMs + sessionMs,
    },
    user: users.get(userId) ?? { kind: 'missing', id: userId },
  };
}

/** Facts of a service that comes from one of its devices. */
export function factsOfService(
  lockdown: boolean,
  deviceId: string,
  blocked: boolean,
  asked: Asked,
): Facts {
  return {
    ...factsOfNobody(lockdown, asked),
    device: {
      kind: 'known',
      id: deviceId,
      managed: false,
      ownerUserId: null,
      certificateSha256: '',
      certificateNotBeforeMs: asked.nowMs,
      certificateNotAfterMs: asked.nowMs + sessionMs,
      posture: [],
      blocked: blocked ? 'service' : null,
    },
  };
}

/** Facts of somebody who has not signed in. */
export function factsOfNobody(lockdown: boolean, { nowMs, method, host, path }: Asked): Facts {
  return {
    nowMs,
    request: { method, host, path, headers: {} },
    sourceAddress: '203.0.113.10',
    device: { kind: 'none' },
    session: { kind: 'none' },
    user: { kind: 'none' },
    place: null,
    risk: null,
    lockdown,
    staleness: { revokeMs: 0, signalsMs: 0, configMs: 0, directoryMs: 0 },
  };
}
