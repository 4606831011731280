import { newId } from '@sallyport/shared/ids';
import { newToken } from '@sallyport/shared/keys/tokens';
import { type Static, Type } from 'typebox';
import {
  type AdminTokenRow,
  countOtherOwners,
  findToken,
  insertToken,
  listTokens,
  revokeToken,
} from '../../store/admin-tokens.ts';
import { read } from '../../store/database.ts';
import type { WriteTx } from '../../store/write.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { principalOf } from '../http/authenticate.ts';
import { cutPage, pageOf, pageQuery, pageRequest } from '../http/paging.ts';
import { conflict, notFound } from '../http/problems.ts';
import { closed, idOf, instant, isoOf, isoOrNull, label, nullable } from '../http/schemas.ts';
import { runWrite } from '../http/write.ts';

const tags = ['tokens'];
const params = Type.Object({ id: idOf('tok') });

const role = Type.Union([
  Type.Literal('viewer'),
  Type.Literal('policy-admin'),
  Type.Literal('responder'),
  Type.Literal('owner'),
]);

const NewToken = Type.Object(
  {
    role,
    label: label(128),
    expiresInSeconds: Type.Optional(
      Type.Integer({ minimum: 60, maximum: 315_360_000, description: 'Default: never.' }),
    ),
  },
  closed,
);

const Token = Type.Object({
  id: idOf('tok'),
  role,
  label: Type.String(),
  createdBy: Type.String(),
  createdAt: instant,
  expiresAt: nullable(instant),
  lastUsedAt: nullable(instant),
  revokedAt: nullable(instant),
});

const CreatedToken = Type.Object({
  ...Token.properties,
  token: Type.String({ description: 'Shown once; only its hash is stored.' }),
});

/** /v1/tokens: bearer tokens of this API */
export function tokenRoutes(app: AdminApp, context: AdminContext): void {
  app.get(
    '/v1/tokens',
    {
      config: { permission: 'tokens:read' },
      schema: {
        tags,
        summary: 'List admin tokens',
        querystring: Type.Object(pageQuery, closed),
        response: { 200: pageOf(Token) },
      },
    },
    async (request) => {
      const wanted = pageRequest('tokens', request.query);
      const found = await read(context.database, (db) => listTokens(db, wanted));
      const { rows, nextCursor } = cutPage('tokens', wanted, found, (row) => [
        row.createdAtMs,
        row.id,
      ]);
      return { items: rows.map(presentToken), nextCursor };
    },
  );
  app.get(
    '/v1/tokens/:id',
    {
      config: { permission: 'tokens:read' },
      schema: { tags, summary: 'Read an admin token', params, response: { 200: Token } },
    },
    async (request) => {
      const row = await read(context.database, (db) => findToken(db, request.params.id));
      if (row === null) throw notFound();
      return presentToken(row);
    },
  );
  app.post(
    '/v1/tokens',
    {
      config: { permission: 'tokens:write' },
      schema: {
        tags,
        summary: 'Create an admin token',
        body: NewToken,
        response: { 201: CreatedToken },
      },
    },
    async (request, reply) => {
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'create', resource: 'token' },
        body: (tx) => createToken(tx, request.body, principalOf(request).id),
        answer: ({ row, token }) => ({ status: 201, body: { ...presentToken(row), token } }),
      });
      return reply.code(201).send(body);
    },
  );
  app.delete(
    '/v1/tokens/:id',
    {
      config: { permission: 'tokens:write' },
      schema: { tags, summary: 'Revoke an admin token', params, response: { 200: Token } },
    },
    async (request, reply) => {
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'revoke', resource: 'token' },
        body: (tx) => removeToken(tx, request.params.id),
        answer: (row) => ({ status: 200, body: presentToken(row) }),
      });
      return body;
    },
  );
}

async function createToken(tx: WriteTx, given: Static<typeof NewToken>, createdBy: string) {
  const { token, sha256 } = newToken('adm');
  const { expiresInSeconds } = given;
  const row = {
    id: newId('tok'),
    tokenHash: sha256,
    role: given.role,
    label: given.label,
    createdBy,
    createdAtMs: tx.nowMs,
    expiresAtMs: expiresInSeconds === undefined ? null : tx.nowMs + expiresInSeconds * 1_000,
  };
  await insertToken(tx.db, row);
  tx.describe(row.id, { role: row.role, label: row.label });
  return { row: { ...row, lastUsedAtMs: null, revokedAtMs: null }, token };
}

/** Somebody must stay who can make tokens, so the last owner's is kept. */
async function removeToken(tx: WriteTx, id: string): Promise<AdminTokenRow> {
  const row = await findToken(tx.db, id);
  if (row === null) throw notFound();
  if (row.role === 'owner' && (await countOtherOwners(tx.db, id, tx.nowMs)) === 0) {
    throw conflict('this is the last token of an owner');
  }
  const revoked = await revokeToken(tx.db, id, tx.nowMs);
  if (revoked === null) throw notFound();
  tx.describe(id, { role: row.role, label: row.label });
  return revoked;
}

function presentToken(row: AdminTokenRow): Static<typeof Token> {
  return {
    id: row.id,
    role: row.role,
    label: row.label,
    createdBy: row.createdBy,
    createdAt: isoOf(row.createdAtMs),
    expiresAt: isoOrNull(row.expiresAtMs),
    lastUsedAt: isoOrNull(row.lastUsedAtMs),
    revokedAt: isoOrNull(row.revokedAtMs),
  };
}
