import { SallyportError } from '@sallyport/shared/errors';
import { hashToken, isToken } from '@sallyport/shared/keys/tokens';
import type { FastifyRequest } from 'fastify';
import { findHoldingToken, touchToken } from '../../store/admin-tokens.ts';
import { type Database, type Executor, read } from '../../store/database.ts';
import type { Role } from '../../store/schema/index.ts';
import type { Actor } from '../../store/write.ts';
import { isAllowed, type Permission } from './permissions.ts';

/** Who asks, as far as it is known. */
export interface Principal extends Actor {
  readonly role: Role;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Every route names what it needs; without it the server does not start. */
    permission?: Permission;
    /** Takes connections that are kept for revocations. */
    urgent?: boolean;
  }
  interface FastifyRequest {
    principal: Principal | null;
  }
}

/**
 * Finds out who asks and whether they may, before the body is read. Throws `unauthenticated` in the
 * same words for a token that is missing, malformed, unknown, expired or revoked, and `forbidden`.
 */
export async function authenticate(
  request: FastifyRequest,
  database: Database,
  nowMs: number,
): Promise<void> {
  const { permission, urgent } = request.routeOptions.config;
  if (permission === undefined) throw new Error('a route without a permission was reached');
  if (permission === 'public') return;
  const token = bearerToken(request.headers.authorization);
  if (token === null) throw unauthenticated();
  const find = async (db: Executor) => {
    const found = await findHoldingToken(db, hashToken(token), nowMs);
    if (found !== null) await touchToken(db, found, nowMs);
    return found;
  };
  const row = await read(database, find, { urgent: urgent ?? false });
  if (row === null) throw unauthenticated();
  request.principal = {
    kind: 'token',
    id: row.id,
    label: row.label,
    role: row.role,
    requestId: request.id,
    sourceAddress: request.socket.remoteAddress ?? '',
  };
  if (!isAllowed(row.role, permission)) {
    throw new SallyportError('forbidden', 'the role of this token does not allow this');
  }
}

/** The principal of a route that is not public. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === null) throw new Error('nobody was authenticated');
  return request.principal;
}

function bearerToken(header: string | undefined): string | null {
  const [, token] = /^Bearer ([\w-]{1,128})$/i.exec(header ?? '') ?? [];
  return token !== undefined && isToken('adm', token) ? token : null;
}

/** The same words whatever is wrong with the token. */
export function unauthenticated(): SallyportError {
  return new SallyportError('unauthenticated', 'a valid bearer token is needed');
}
