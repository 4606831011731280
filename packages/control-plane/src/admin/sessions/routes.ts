import { type Static, Type } from 'typebox';
import { revoke } from '../../revoke/revoke.ts';
import { read } from '../../store/database.ts';
import { findSessionView, listSessions, type SessionView } from '../../store/sessions.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { principalOf } from '../http/authenticate.ts';
import { cutPage, pageOf, pageQuery, pageRequest } from '../http/paging.ts';
import { notFound } from '../http/problems.ts';
import { closed, idOf, instant, isoOf, isoOrNull, nullable } from '../http/schemas.ts';
import { runWrite } from '../http/write.ts';

const tags = ['sessions'];
const params = Type.Object({ sid: idOf('ses') });

const Session = Type.Object({
  sid: idOf('ses'),
  userId: idOf('usr'),
  userEmail: Type.String(),
  deviceId: nullable(idOf('dev')),
  deviceName: nullable(Type.String()),
  provider: Type.String({ description: 'Name of the IdentityProvider.' }),
  amr: Type.Array(Type.String(), { description: 'RFC 8176.' }),
  acr: nullable(Type.String()),
  authenticatedAt: instant,
  issuedAt: instant,
  expiresAt: instant,
  endedAt: nullable(instant),
  live: Type.Boolean({ description: 'Neither ended, by name or by generation, nor expired.' }),
  sourceAddress: Type.String(),
  userAgent: Type.String(),
  edgeId: Type.String(),
});

const query = Type.Object(
  {
    ...pageQuery,
    user: Type.Optional(
      Type.String({ minLength: 1, maxLength: 254, description: 'User id or e-mail address.' }),
    ),
    device: Type.Optional(idOf('dev')),
    live: Type.Optional(Type.Boolean()),
  },
  closed,
);

/** /v1/sessions */
export function sessionRoutes(app: AdminApp, context: AdminContext): void {
  const { database, clock } = context;
  app.get(
    '/v1/sessions',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'List sessions',
        querystring: query,
        response: { 200: pageOf(Session) },
      },
    },
    async (request) => {
      const wanted = pageRequest('sessions', request.query);
      const found = await read(database, (db) => listSessions(db, request.query, wanted, clock()));
      const { rows, nextCursor } = cutPage('sessions', wanted, found, ({ session }) => [
        session.issuedAtMs,
        session.sid,
      ]);
      return { items: rows.map(presentSession), nextCursor };
    },
  );
  app.get(
    '/v1/sessions/:sid',
    {
      config: { permission: 'read' },
      schema: { tags, summary: 'Read a session', params, response: { 200: Session } },
    },
    async (request) => {
      const view = await read(database, (db) => findSessionView(db, request.params.sid, clock()));
      if (view === null) throw notFound();
      return presentSession(view);
    },
  );
  app.delete(
    '/v1/sessions/:sid',
    {
      config: { permission: 'revocations:write', urgent: true },
      schema: {
        tags,
        summary: 'End a session',
        description: 'The same as a revocation of the session with effect `end`.',
        params,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { sid } = request.params;
      await runWrite(context, request, reply, {
        action: { verb: 'create', resource: 'revocation' },
        body: async (tx) => {
          const view = await findSessionView(tx.db, sid, tx.nowMs);
          if (view === null) throw notFound();
          const order = { kind: 'session', id: sid, effect: 'end', expiresAtMs: null } as const;
          await revoke(tx, { ...order, reason: 'ended by name', by: principalOf(request).id });
        },
        answer: () => ({ status: 204, body: null }),
      });
      return reply.code(204).send(null);
    },
  );
}

function presentSession(view: SessionView): Static<typeof Session> {
  const { session, userEmail, deviceName, live } = view;
  return {
    sid: session.sid,
    userId: session.userId,
    userEmail,
    deviceId: session.deviceId,
    deviceName,
    provider: session.provider,
    amr: [...session.amr],
    acr: session.acr,
    authenticatedAt: isoOf(session.authenticatedAtMs),
    issuedAt: isoOf(session.issuedAtMs),
    expiresAt: isoOf(session.expiresAtMs),
    endedAt: isoOrNull(session.endedAtMs),
    live,
    sourceAddress: session.sourceAddress,
    userAgent: session.userAgent,
    edgeId: session.edgeId,
  };
}
