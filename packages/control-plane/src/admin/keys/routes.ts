import { type EndorsedPurpose, isKeyLive } from '@sallyport/shared/keys/root';
import { rotateBeforeMs } from '@sallyport/shared/keys/signing-key';
import { Type } from 'typebox';
import { type Database, read } from '../../store/database.ts';
import { readAssertionJwks } from '../../store/edges.ts';
import {
  findAllEndorsedKeys,
  readKeyEnds,
  type SigningKeyRow,
  signingKeyOp,
} from '../../store/keys.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { principalOf } from '../http/authenticate.ts';
import { runWrite } from '../http/write.ts';
import { endorse, propose } from './rotation.ts';
import {
  daysLeft,
  Endorsements,
  Key,
  KeyList,
  Proposals,
  presentKey,
  presentProposal,
  Wanted,
  Withdrawal,
} from './schemas.ts';
import { withdraw } from './withdrawal.ts';

const tags = ['keys'];
const cacheSeconds = 60;

/** The public keys of assertions, and /v1/keys: those that the root key vouches for. */
export function keyRoutes(app: AdminApp, context: AdminContext): void {
  assertionKeyRoute(app, context);
  app.get(
    '/v1/keys',
    {
      config: { permission: 'read' },
      schema: { tags, summary: 'List signing keys', response: { 200: KeyList } },
    },
    async () => {
      const { rows, ends } = await readKeys(context.database);
      const nowMs = context.clock();
      return {
        items: presentAll(rows, nowMs),
        purposes: ends.map(({ purpose, endsAtMs }) => ({
          purpose,
          daysLeft: daysLeft(endsAtMs, nowMs),
          rotateSoon: endsAtMs - nowMs < rotateBeforeMs,
        })),
      };
    },
  );
  app.post(
    '/v1/keys::propose',
    {
      config: { permission: 'keys:write' },
      schema: {
        tags,
        summary: 'Make key pairs for the root key to endorse',
        description: 'Their private halves stay here. A proposal expires after an hour.',
        body: Wanted,
        response: { 201: Proposals },
      },
    },
    async (request, reply) => {
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'propose', resource: 'signing-key' },
        body: (tx) => {
          const { now = false } = request.body;
          const purposes = request.body.purposes as EndorsedPurpose[] | undefined;
          return propose(tx, context, { purposes, now }, principalOf(request).id);
        },
        answer: (rows) => ({ status: 201, body: { proposals: rows.map(presentProposal) } }),
      });
      return reply.code(201).send(body);
    },
  );
  app.post(
    '/v1/keys::endorse',
    {
      config: { permission: 'keys:write' },
      schema: {
        tags,
        summary: 'Put proposed keys into force',
        description: 'All of them or none. A proposal is good for one endorsement.',
        body: Endorsements,
        response: { 200: Type.Pick(KeyList, ['items']) },
      },
    },
    async (request, reply) => {
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'endorse', resource: 'signing-key' },
        body: (tx) => endorse(tx, context, request.body.endorsements),
        answer: (rows) => ({
          status: 200,
          body: { items: presentAll(rows, context.clock()) },
        }),
      });
      return body;
    },
  );
  app.post(
    '/v1/keys::withdraw',
    {
      config: { permission: 'keys:write', urgent: true },
      schema: {
        tags,
        summary: 'Withdraw a key before its end',
        description:
          'Nothing is signed with it any more, and edges refuse what it signed. ' +
          'Refused for the only key of its purpose that holds now.',
        body: Withdrawal,
        response: { 200: Key },
      },
    },
    async (request, reply) => {
      const { keyId, reason } = request.body;
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'withdraw', resource: 'signing-key' },
        body: (tx) => withdraw(tx, keyId, reason),
        answer: (row) => ({ status: 200, body: presentKey(row, null, context.clock()) }),
      });
      return body;
    },
  );
}

/** The public keys with which upstreams verify assertions, those of all edges not blocked. */
function assertionKeyRoute(app: AdminApp, context: AdminContext): void {
  app.get(
    '/.well-known/sallyport/jwks.json',
    {
      config: { permission: 'public' },
      schema: {
        tags,
        summary: 'Public keys of assertions (RFC 7517)',
        response: {
          200: Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.Unknown())) }),
        },
      },
    },
    async (_request, reply) => {
      const jwks = await read(context.database, (db) => readAssertionJwks(db, context.clock()));
      reply.header('Cache-Control', `public, max-age=${cacheSeconds}`);
      return { keys: jwks.map((jwk) => JSON.parse(jwk) as Record<string, unknown>) };
    },
  );
}

async function readKeys(database: Database) {
  return read(database, async (db) => ({
    rows: await findAllEndorsedKeys(db),
    ends: await readKeyEnds(db),
  }));
}

/** By purpose, then by their beginning. */
function presentAll(rows: readonly SigningKeyRow[], nowMs: number) {
  return rows
    .toSorted((a, b) => a.purpose.localeCompare(b.purpose) || a.notBeforeMs - b.notBeforeMs)
    .map((row) => presentKey(row, currentIdOf(rows, row.purpose, nowMs), nowMs));
}

/** The live key that began last, the first by id among equals: as replicas choose. */
function currentIdOf(
  rows: readonly SigningKeyRow[],
  purpose: string,
  nowMs: number,
): string | null {
  const live = rows.filter((row) => {
    const key = row.withdrawnAtMs === null ? signingKeyOp(row) : null;
    return key !== null && isKeyLive(key, purpose, nowMs);
  });
  const [current] = live.toSorted(
    (a, b) => b.notBeforeMs - a.notBeforeMs || (a.keyId < b.keyId ? -1 : 1),
  );
  return current?.keyId ?? null;
}
