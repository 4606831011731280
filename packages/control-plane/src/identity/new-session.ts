import { newId } from '@sallyport/shared/ids';
import type { SessionStatement } from '@sallyport/shared/session/statement';
import type { Position } from '@sallyport/shared/state/model';
import { readHead } from '../store/change-log.ts';
import { type Database, read } from '../store/database.ts';
import { lockDevice } from '../store/devices.ts';
import { holdGenerations } from '../store/generations.ts';
import { replaceIdentityGroups } from '../store/groups.ts';
import { isBlocked } from '../store/revocations.ts';
import { insertSession } from '../store/sessions.ts';
import {
  employmentOf,
  findUserByIdentity,
  insertIdentity,
  insertUser,
  lockUsers,
  touchIdentity,
  updateUser,
  userOps,
} from '../store/users.ts';
import { type WriteTx, write } from '../store/write.ts';
import type { ProviderIdentity } from './oidc/claims.ts';
import { RevokedSince } from './revoked-since.ts';

export interface NewSession {
  readonly identity: ProviderIdentity;
  /** Name of the IdentityProvider document. */
  readonly provider: string;
  readonly deviceId: string | null;
  readonly sourceAddress: string;
  readonly userAgent: string;
  readonly edgeId: string;
  readonly lifetimeMs: number;
  /** Head of `revoke` when the sign-in began: what came after it wins. */
  readonly since: Position;
  readonly nowMs: number;
}

export type SessionRefusal =
  | 'refused'
  | 'user_blocked'
  | 'device_blocked'
  | 'lockdown'
  | 'revoked_meanwhile';

export type NewSessionResult =
  | {
      readonly ok: true;
      readonly statement: SessionStatement;
      /** The directory as the statement needs it. */
      readonly directory: Position;
    }
  | { readonly ok: false; readonly refusal: SessionRefusal };

/** Rolls the transaction back: a sign-in that is refused leaves no trace of a user or group. */
class Refused extends Error {
  readonly refusal: SessionRefusal;

  constructor(refusal: SessionRefusal) {
    super(refusal);
    this.refusal = refusal;
  }
}

/** Another first sign-in of the identity was quicker: this one begins again and finds its user. */
class IdentityTaken extends Error {}

/** More was revoked meanwhile than is read in a transaction: this one reads it and begins again. */
class LogGrew extends Error {}

const attemptsMax = 3;

/**
 * One transaction: the user of an identity (made at the first sign-in), its groups as the provider
 * says them now, and the session, unless something stands against it.
 */
export async function createSession(
  database: Database,
  input: NewSession,
): Promise<NewSessionResult> {
  const { edgeId, sourceAddress, nowMs } = input;
  const actor = { kind: 'edge', id: edgeId, label: edgeId, requestId: '', sourceAddress } as const;
  const action = { verb: 'sign_in', resource: 'session' };
  const revoked = new RevokedSince(input.since);
  for (let attempt = 1; ; attempt += 1) {
    await read(database, (db) => revoked.catchUp(db));
    try {
      const { result, positions } = await write(
        database,
        actor,
        action,
        (tx) => insert(tx, input, revoked),
        {
          nowMs,
        },
      );
      const directory = positions.directory ?? result.directory;
      return { ok: true, statement: result.statement, directory };
    } catch (error) {
      if (error instanceof Refused) return { ok: false, refusal: error.refusal };
      const last = attempt === attemptsMax;
      if (error instanceof LogGrew && last) return { ok: false, refusal: 'revoked_meanwhile' };
      const again = error instanceof LogGrew || error instanceof IdentityTaken;
      if (!again || last) throw error;
    }
  }
}

async function insert(
  tx: WriteTx,
  input: NewSession,
  revoked: RevokedSince,
): Promise<{ statement: SessionStatement; directory: Position }> {
  const { db, nowMs } = tx;
  const { identity, deviceId, provider, sourceAddress, userAgent, edgeId } = input;
  const userId = await signedInUser(tx, identity);
  if (deviceId !== null && (await lockDevice(db, deviceId)) === null) throw new Refused('refused');
  const generations = await holdGenerations(db, userId, deviceId);
  await refuseIfBlocked(tx, userId, deviceId);
  const answer = await revoked.answer(db, userId, deviceId);
  if (answer === 'revoked') throw new Refused('revoked_meanwhile');
  if (answer === 'behind') throw new LogGrew();
  const statement: SessionStatement = {
    sid: newId('ses'),
    userId,
    deviceId,
    authenticatedAtMs: identity.authenticatedAtMs,
    amr: identity.amr,
    acr: identity.acr,
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + input.lifetimeMs,
    generations,
  };
  await insertSession(db, {
    sid: statement.sid,
    userId,
    deviceId,
    provider,
    authenticatedAtMs: statement.authenticatedAtMs,
    amr: [...statement.amr],
    acr: statement.acr,
    issuedAtMs: statement.issuedAtMs,
    expiresAtMs: statement.expiresAtMs,
    generationGlobal: generations.global,
    generationUser: generations.user,
    generationDevice: generations.device,
    sourceAddress: sourceAddress.slice(0, 64),
    userAgent: userAgent.toWellFormed().replaceAll('\0', '').slice(0, 512),
    edgeId,
  });
  tx.describe(statement.sid, { user: userId, device: deviceId, provider });
  return { statement, directory: await readHead(db, 'directory') };
}

/** The user's id; its row is locked. Emits the user only if something about it has changed. */
async function signedInUser(tx: WriteTx, identity: ProviderIdentity): Promise<string> {
  const { db, nowMs } = tx;
  const known = await findUserByIdentity(db, identity);
  const before = known === null ? [] : await userOps(db, [known.id]);
  const userId = known?.id ?? (await newUser(tx, identity));
  const [user] = await lockUsers(db, [userId]);
  if (user === undefined) throw new Refused('refused');
  if (user.status !== 'active') throw new Refused('user_blocked');
  const endsAtMs = employmentOf(user)?.endsAtMs ?? Number.POSITIVE_INFINITY;
  if (endsAtMs <= nowMs) throw new Refused('user_blocked');
  const email = identity.email ?? user.email;
  const displayName = identity.displayName === '' ? user.displayName : identity.displayName;
  if (email !== user.email || displayName !== user.displayName) {
    await updateUser(db, userId, { email, displayName }, nowMs);
  }
  await replaceIdentityGroups(db, userId, identity, identity.groups, nowMs);
  await touchIdentity(db, identity, nowMs);
  const after = await userOps(db, [userId]);
  if (JSON.stringify(before) !== JSON.stringify(after)) tx.emit('directory', ...after);
  return userId;
}

async function newUser({ db, nowMs }: WriteTx, identity: ProviderIdentity): Promise<string> {
  const { email, displayName } = identity;
  const user = { email: email ?? '', displayName, status: 'active' } as const;
  const row = await insertUser(db, user, nowMs);
  if (!(await insertIdentity(db, identity, row.id, nowMs))) throw new IdentityTaken();
  return row.id;
}

async function refuseIfBlocked(
  { db, nowMs }: WriteTx,
  userId: string,
  deviceId: string | null,
): Promise<void> {
  if (await isBlocked(db, 'everyone', '', nowMs)) throw new Refused('lockdown');
  if (await isBlocked(db, 'user', userId, nowMs)) throw new Refused('user_blocked');
  if (deviceId !== null && (await isBlocked(db, 'device', deviceId, nowMs))) {
    throw new Refused('device_blocked');
  }
}
