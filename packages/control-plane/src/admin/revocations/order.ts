import type { Static } from 'typebox';
import { type RevocationOrder, targetRules } from '../../revoke/revoke.ts';

import type { Executor } from '../../store/database.ts';
import { findDevice } from '../../store/devices.ts';
import { findEdge } from '../../store/edges.ts';
import { isServiceNamed } from '../../store/services.ts';
import { findSession } from '../../store/sessions.ts';
import { findUser, findUsersByEmail } from '../../store/users.ts';
import type { WriteTx } from '../../store/write.ts';
import { badField, contradiction } from '../http/problems.ts';
import type { NewRevocation, Target } from './schemas.ts';

/**
 * Checks what a request asks for against what is there. A certificate need not be known: blocking
 * one before it is enrolled is allowed, because our own authority's are good before their row.
 */
export async function orderOf(
  tx: WriteTx,
  given: Static<typeof NewRevocation>,
  by: string,
): Promise<RevocationOrder> {
  const { kind } = given.target;
  const { defaultEffect, effects } = targetRules[kind];
  const effect = given.effect ?? defaultEffect;
  if (!effects.includes(effect)) {
    throw contradiction('/effect', `a ${kind} takes ${effects.join(' or ')} only`);
  }
  const { expiresInSeconds } = given;
  if (effect === 'end' && expiresInSeconds !== undefined) {
    throw contradiction('/expiresInSeconds', 'what is ended stays ended; only blocks expire');
  }
  return {
    kind,
    id: await subjectOf(tx.db, given.target),
    effect,
    reason: given.reason,
    by,
    expiresAtMs: expiresInSeconds === undefined ? null : tx.nowMs + expiresInSeconds * 1_000,
  };
}

async function subjectOf(db: Executor, target: Target): Promise<string> {
  switch (target.kind) {
    case 'everyone':
      return '';
    case 'certificate':
      return target.id;
    case 'user':
      return target.email === undefined
        ? known(await findUser(db, target.id ?? ''), target.id ?? '')
        : userWithEmail(db, target.email);
    case 'session':
      return known(await findSession(db, target.id), target.id);
    case 'device':
      return known(await findDevice(db, target.id), target.id);
    case 'service':
      if (!(await isServiceNamed(db, target.name))) {
        throw badField('/target/name', 'names no service identity');
      }
      return target.name;
    case 'edge':
      return known(await findEdge(db, target.id), target.id);
  }
}

function known(row: object | null, id: string): string {
  if (row === null) throw badField('/target/id', 'names nothing');
  return id;
}

/** An address is not a key: where several users have it, somebody must say which one is meant. */
async function userWithEmail(db: Executor, email: string): Promise<string> {
  const [user, ...others] = await findUsersByEmail(db, email);
  if (user === undefined) throw badField('/target/email', 'no user has this address');
  if (others.length > 0) {
    const ids = [user, ...others].map(({ id }) => id).join(', ');
    throw contradiction('/target/email', `several users have this address; give an id of: ${ids}`);
  }
  return user.id;
}
