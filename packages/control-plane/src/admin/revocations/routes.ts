import { type Static, Type } from 'typebox';
import { lift } from '../../revoke/lift.ts';
import { revoke } from '../../revoke/revoke.ts';
import { type Positions, read } from '../../store/database.ts';
import { listRevocations, type RevocationRow } from '../../store/revocations.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { principalOf } from '../http/authenticate.ts';
import { cutPage, pageOf, pageQuery, pageRequest } from '../http/paging.ts';
import { conflict, notFound } from '../http/problems.ts';
import { closed, idOf } from '../http/schemas.ts';
import { runWrite } from '../http/write.ts';
import { orderOf } from './order.ts';
import { enforcementOf, findWithReceipts, withFences } from './receipts.ts';
import {
  CommittedRevocation,
  NewRevocation,
  presentRevocation,
  Revocation,
  RevocationNow,
  targetKind,
  waitQuery,
} from './schemas.ts';

const tags = ['revocations'];
const params = Type.Object({ id: idOf('rev') });

/** /v1/revocations */
export function revocationRoutes(app: AdminApp, context: AdminContext): void {
  readingRoutes(app, context);
  app.post(
    '/v1/revocations',
    {
      config: { permission: 'revocations:write', urgent: true },
      schema: {
        tags,
        summary: 'End sessions or block access, on every edge',
        description:
          '201: committed, and with ?wait=enforced enforced by every edge. 202: committed, and ' +
          'some edge did not confirm in time; `receipts` names it, and says by when it lets ' +
          'nobody in any more if it stays cut off.',
        querystring: waitQuery,
        body: NewRevocation,
        response: { 201: CommittedRevocation, 202: CommittedRevocation },
      },
    },
    async (request, reply) => {
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'create', resource: 'revocation' },
        body: async (tx) => revoke(tx, await orderOf(tx, request.body, principalOf(request).id)),
        answer: committed(201),
      });
      const { wait } = request.query;
      const { kind, id } = body.target;
      const blocked = kind === 'edge' && id !== null ? [id] : [];
      const enforcement = await withFences(
        context,
        await enforcementOf(context, body.position, wait, blocked),
        Date.parse(body.createdAt),
      );
      const status = wait === undefined || enforcement.enforced ? 201 : 202;
      return reply.code(status).send({ ...body, ...enforcement });
    },
  );
  app.delete(
    '/v1/revocations/:id',
    {
      config: { permission: 'revocations:write', urgent: true },
      schema: {
        tags,
        summary: 'Lift a block',
        params,
        querystring: waitQuery,
        response: { 200: CommittedRevocation, 202: CommittedRevocation },
      },
    },
    async (request, reply) => {
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'lift', resource: 'revocation' },
        body: async (tx) => {
          const result = await lift(tx, request.params.id, principalOf(request).id);
          if (result.kind === 'unknown') throw notFound();
          if (result.kind === 'not_a_block') {
            throw conflict('what was ended stays ended; only a block can be lifted');
          }
          return result.row;
        },
        answer: committed(200),
      });
      const { wait } = request.query;
      const enforcement = await enforcementOf(context, body.position, wait);
      const late = wait !== undefined && body.position !== null && !enforcement.enforced;
      return reply.code(late ? 202 : 200).send({ ...body, ...enforcement });
    },
  );
}

function committed(status: number) {
  return (row: RevocationRow, positions: Positions) => {
    const body: Static<typeof CommittedRevocation> = {
      ...presentRevocation(row),
      position: positions.revoke ?? null,
      enforced: false,
      receipts: [],
    };
    return { status, body };
  };
}

function readingRoutes(app: AdminApp, context: AdminContext): void {
  const { database, clock } = context;
  const query = Type.Object(
    {
      ...pageQuery,
      kind: Type.Optional(targetKind),
      id: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
      active: Type.Optional(Type.Boolean({ description: 'Blocks that are in force.' })),
    },
    closed,
  );
  app.get(
    '/v1/revocations',
    {
      config: { permission: 'read', urgent: true },
      schema: {
        tags,
        summary: 'List revocations',
        querystring: query,
        response: { 200: pageOf(Revocation) },
      },
    },
    async (request) => {
      const wanted = pageRequest('revocations', request.query);
      const find = (db: Parameters<typeof listRevocations>[0]) =>
        listRevocations(db, request.query, wanted, clock());
      const found = await read(database, find, { urgent: true });
      const { rows, nextCursor } = cutPage('revocations', wanted, found, (row) => [
        row.createdAtMs,
        row.id,
      ]);
      return { items: rows.map(presentRevocation), nextCursor };
    },
  );
  app.get(
    '/v1/revocations/:id',
    {
      config: { permission: 'read', urgent: true },
      schema: {
        tags,
        summary: 'Read a revocation, and how far the edges are with it',
        params,
        response: { 200: RevocationNow },
      },
    },
    async (request) => {
      const found = await findWithReceipts(context, request.params.id);
      if (found === null) throw notFound();
      return { ...presentRevocation(found.row), ...found.now };
    },
  );
}
