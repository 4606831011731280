import { newId } from '@sallyport/shared/ids';
import { newToken } from '@sallyport/shared/keys/tokens';
import { Type } from 'typebox';
import { read } from '../../store/database.ts';
import { deleteEdge, findEdgeView, insertJoinToken, listEdges } from '../../store/edges.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { principalOf } from '../http/authenticate.ts';
import { cutPage, pageOf, pageQuery, pageRequest } from '../http/paging.ts';
import { notFound } from '../http/problems.ts';
import { closed, isoOf } from '../http/schemas.ts';
import { runWrite } from '../http/write.ts';
import { presentEdge } from './present.ts';
import { Edge, edgeId, JoinToken, NewJoinToken } from './schemas.ts';

const tags = ['edges'];
const params = Type.Object({ id: edgeId });
const joinSecondsDefault = 3_600;

/** /v1/edges, and the tokens by which they join */
export function edgeRoutes(app: AdminApp, context: AdminContext): void {
  const { database, clock, receipts } = context;
  const query = Type.Object(
    { ...pageQuery, region: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })) },
    closed,
  );
  app.get(
    '/v1/edges',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'List edges and how far they are',
        querystring: query,
        response: { 200: pageOf(Edge) },
      },
    },
    async (request) => {
      const wanted = pageRequest('edges', request.query);
      const found = await read(database, (db) => listEdges(db, request.query, wanted, clock()));
      const { rows, nextCursor } = cutPage('edges', wanted, found, ({ edge }) => [
        edge.joinedAtMs,
        edge.id,
      ]);
      return { items: rows.map((row) => presentEdge(row, receipts, clock())), nextCursor };
    },
  );
  app.get(
    '/v1/edges/:id',
    {
      config: { permission: 'read' },
      schema: { tags, summary: 'Read an edge', params, response: { 200: Edge } },
    },
    async (request) => {
      const view = await read(database, (db) => findEdgeView(db, request.params.id, clock()));
      if (view === null) throw notFound();
      return presentEdge(view, receipts, clock());
    },
  );
  app.delete(
    '/v1/edges/:id',
    {
      config: { permission: 'edges:write' },
      schema: {
        tags,
        summary: 'Delete an edge',
        description: 'Its streams are cut, and its keys leave the JWKS. It can only join anew.',
        params,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await runWrite(context, request, reply, {
        action: { verb: 'delete', resource: 'edge', resourceId: id },
        body: async (tx) => {
          if (!(await deleteEdge(tx.db, id))) throw notFound();
          tx.emit('config', { op: 'deleted_edge', edgeId: id });
        },
        answer: () => ({ status: 204, body: null }),
      });
      return reply.code(204).send(null);
    },
  );
  app.post(
    '/v1/edges::join-token',
    {
      config: { permission: 'edges:write' },
      schema: {
        tags,
        summary: 'Make a token with which one edge can join',
        body: NewJoinToken,
        response: { 201: JoinToken },
      },
    },
    async (request, reply) => {
      const { expiresInSeconds = joinSecondsDefault } = request.body;
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'create', resource: 'join-token' },
        body: async (tx) => {
          const { token, sha256 } = newToken('join');
          const row = {
            id: newId('tok'),
            tokenHash: sha256,
            createdBy: principalOf(request).id,
            createdAtMs: tx.nowMs,
            expiresAtMs: tx.nowMs + expiresInSeconds * 1_000,
          };
          await insertJoinToken(tx.db, row);
          tx.describe(row.id, { expiresInSeconds });
          return { token, expiresAt: isoOf(row.expiresAtMs) };
        },
        answer: (made) => ({ status: 201, body: made }),
      });
      return reply.code(201).send(body);
    },
  );
}
