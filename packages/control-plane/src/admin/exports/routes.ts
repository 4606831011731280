import { Type } from 'typebox';
import { readInTurn } from '../../audit/read-in-turn.ts';
import { recordsBetween } from '../../exports/rows/decisions.ts';
import { readTargets } from '../../exports/targets.ts';
import { giveUpMs } from '../../exports/webhooks/enqueue.ts';
import type { Executor } from '../../store/database.ts';
import { type CursorRow, listCursors } from '../../store/export-cursors.ts';
import {
  countDeliveries,
  listDeliveries,
  restartDelivery,
} from '../../store/webhook-deliveries.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { cutPage, pageOf, pageRequest } from '../http/paging.ts';
import { notFound } from '../http/problems.ts';
import { closed } from '../http/schemas.ts';
import { runWrite } from '../http/write.ts';
import {
  Delivery,
  deliveryParams,
  deliveryQuery,
  Export,
  presentDelivery,
  presentExport,
  presentWebhook,
  Webhook,
} from './schemas.ts';

const tags = ['exports'];

/** Rows that an export had yet to take when somebody looked. */
async function behindOf(db: Executor, { what, position, known }: CursorRow): Promise<number> {
  return what === 'decisions' ? recordsBetween(db, position, known) : Math.max(0, known - position);
}

/** /v1/exports and /v1/webhooks: where records and events go, and how far they are */
export function exportRoutes(app: AdminApp, context: AdminContext): void {
  const { database } = context;
  app.get(
    '/v1/exports',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'List the exports of the live settings, and how far each is',
        response: { 200: Type.Object({ items: Type.Array(Export) }) },
      },
    },
    async () =>
      readInTurn(database, async (db) => {
        const { exports } = await readTargets(db);
        const names = new Set(exports.map(({ entry }) => entry.name));
        const cursors: (CursorRow & { readonly behind: number })[] = [];
        for (const row of await listCursors(db)) {
          if (names.has(row.sink)) cursors.push({ ...row, behind: await behindOf(db, row) });
        }
        return { items: exports.map(({ entry }) => presentExport(entry, cursors)) };
      }),
  );
  app.get(
    '/v1/webhooks',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'List the webhooks of the live settings',
        response: { 200: Type.Object({ items: Type.Array(Webhook) }) },
      },
    },
    async () =>
      readInTurn(database, async (db) => {
        const { webhooks } = await readTargets(db);
        const counts = await countDeliveries(db);
        return { items: webhooks.map(({ entry }) => presentWebhook(entry, counts)) };
      }),
  );
  deliveryRoutes(app, context);
}

function deliveryRoutes(app: AdminApp, context: AdminContext): void {
  app.get(
    '/v1/webhooks/deliveries',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'List deliveries of webhooks, newest first',
        querystring: deliveryQuery,
        response: { 200: pageOf(Delivery) },
      },
    },
    async (request) => {
      const wanted = pageRequest('deliveries', request.query);
      const found = await readInTurn(context.database, (db) =>
        listDeliveries(db, request.query, wanted),
      );
      const { rows, nextCursor } = cutPage('deliveries', wanted, found, (row) => [
        row.createdAtMs,
        row.id,
      ]);
      return { items: rows.map(presentDelivery), nextCursor };
    },
  );
  app.post(
    '/v1/webhooks/deliveries/:id/redeliver',
    {
      config: { permission: 'configuration:write' },
      schema: {
        tags,
        summary: 'Send a delivery again, whatever became of it',
        description: 'Under the same webhook-id, from now on for as long as a new one.',
        params: deliveryParams,
        body: Type.Object({}, closed),
        response: { 200: Delivery },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'redeliver', resource: 'webhook-delivery', resourceId: id },
        async body(tx) {
          const row = await restartDelivery(tx.db, id, tx.nowMs, tx.nowMs + giveUpMs);
          if (row === null) throw notFound();
          tx.describe(id, { webhook: row.webhook, type: row.type });
          return row;
        },
        answer: (row) => ({ status: 200, body: presentDelivery(row) }),
      });
      return body;
    },
  );
}
