import { type Static, Type } from 'typebox';
import { type AuditRow, listAudit } from '../../store/audit.ts';
import { read } from '../../store/database.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { cutPage, pageOf, pageQuery, pageRequest } from '../http/paging.ts';
import { closed, instant, isoOf } from '../http/schemas.ts';

const AuditEntry = Type.Object({
  id: Type.Integer(),
  at: instant,
  actor: Type.Object({
    kind: Type.Union([Type.Literal('token'), Type.Literal('edge'), Type.Literal('system')]),
    id: Type.String(),
    label: Type.String(),
  }),
  verb: Type.String(),
  resource: Type.String(),
  resourceId: Type.String(),
  detail: Type.Record(Type.String(), Type.Unknown()),
  requestId: Type.String(),
  sourceAddress: Type.String(),
});

const word = Type.String({ minLength: 1, maxLength: 128 });

/** /v1/audit: who wrote what */
export function auditRoutes(app: AdminApp, context: AdminContext): void {
  const query = Type.Object(
    {
      ...pageQuery,
      resource: Type.Optional(word),
      resourceId: Type.Optional(word),
      actor: Type.Optional(word),
    },
    closed,
  );
  app.get(
    '/v1/audit',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['audit'],
        summary: 'List writes, newest first',
        querystring: query,
        response: { 200: pageOf(AuditEntry) },
      },
    },
    async (request) => {
      const wanted = pageRequest('audit', request.query);
      const found = await read(context.database, (db) => listAudit(db, request.query, wanted));
      const { rows, nextCursor } = cutPage('audit', wanted, found, (row) => [row.id, '']);
      return { items: rows.map(presentEntry), nextCursor };
    },
  );
}

function presentEntry(row: AuditRow): Static<typeof AuditEntry> {
  return {
    id: row.id,
    at: isoOf(row.atMs),
    actor: { kind: row.actorKind, id: row.actorId, label: row.actorLabel },
    verb: row.verb,
    resource: row.resource,
    resourceId: row.resourceId,
    detail: { ...row.detail },
    requestId: row.requestId,
    sourceAddress: row.sourceAddress,
  };
}
