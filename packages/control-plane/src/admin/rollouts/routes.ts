import { Type } from 'typebox';
import { read } from '../../store/database.ts';
import { findRollout, listRollouts } from '../../store/rollouts.ts';
import { prepareVersion, withPrepared } from '../configuration/measure.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { principalOf } from '../http/authenticate.ts';
import { cutPage, pageOf, pageQuery, pageRequest } from '../http/paging.ts';
import { notFound } from '../http/problems.ts';
import { closed } from '../http/schemas.ts';
import { runWrite } from '../http/write.ts';
import { moves } from './moves.ts';
import {
  Abort,
  FromRing,
  NewRollout,
  Nothing,
  presentRollout,
  Rollout,
  rolloutId,
} from './schemas.ts';
import { startRollout } from './start.ts';

const tags = ['rollouts'];
const params = Type.Object({ id: rolloutId });

/** /v1/rollouts: a candidate on its way, ring by ring */
export function rolloutRoutes(app: AdminApp, context: AdminContext): void {
  readingRoutes(app, context);
  app.post(
    '/v1/rollouts',
    {
      config: { permission: 'configuration:write' },
      schema: {
        tags,
        summary: 'Roll a candidate out',
        description:
          'Releases it to the first ring of the live settings at once. The control plane takes it ' +
          'on from there, and back where a gate fails.',
        body: NewRollout,
        response: { 201: Rollout },
      },
    },
    async (request, reply) => {
      const { version, confirm = false } = request.body;
      const wanted = { version, confirm, startedBy: principalOf(request).label };
      const { body } = await withPrepared(
        () => prepareVersion(context, version),
        (prepared) =>
          runWrite(context, request, reply, {
            action: { verb: 'start', resource: 'rollout' },
            body: (tx) => startRollout(tx, wanted, prepared),
            answer: (row) => ({ status: 201, body: presentRollout(row) }),
          }),
      );
      return reply.code(201).send(body);
    },
  );
  movingRoutes(app, context);
}

function movingRoutes(app: AdminApp, context: AdminContext): void {
  for (const { verb, summary, move } of moves) {
    app.post(
      `/v1/rollouts/:id/${verb}`,
      {
        config: { permission: 'configuration:write' },
        schema: {
          tags,
          summary,
          params,
          querystring: verb === 'promote' ? FromRing : Nothing,
          body: verb === 'abort' ? Abort : Nothing,
          response: { 200: Rollout },
        },
      },
      async (request, reply) => {
        const { reason = '' }: { readonly reason?: string } = request.body;
        const { ring = null }: { readonly ring?: string | null } = request.query;
        const { id } = request.params;
        const by = principalOf(request).label;
        const { body } = await runWrite(context, request, reply, {
          action: { verb, resource: 'rollout', resourceId: id },
          body: (tx) => move(tx, id, { by, reason, ring }),
          answer: (row) => ({ status: 200, body: presentRollout(row) }),
        });
        return body;
      },
    );
  }
}

function readingRoutes(app: AdminApp, context: AdminContext): void {
  app.get(
    '/v1/rollouts',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'List rollouts',
        querystring: Type.Object(pageQuery, closed),
        response: { 200: pageOf(Rollout) },
      },
    },
    async (request) => {
      const wanted = pageRequest('rollouts', request.query);
      const found = await read(context.database, (db) => listRollouts(db, wanted));
      const { rows, nextCursor } = cutPage('rollouts', wanted, found, (row) => [
        row.startedAtMs,
        row.id,
      ]);
      return { items: rows.map(presentRollout), nextCursor };
    },
  );
  app.get(
    '/v1/rollouts/:id',
    {
      config: { permission: 'read' },
      schema: { tags, summary: 'Read a rollout', params, response: { 200: Rollout } },
    },
    async (request) => {
      const row = await read(context.database, (db) => findRollout(db, request.params.id));
      if (row === null) throw notFound();
      return presentRollout(row);
    },
  );
}
