import { Type } from 'typebox';
import { dismiss, undismiss } from '../../signals/dismiss.ts';
import { SignalSettings } from '../../signals/settings.ts';
import { type Positions, read } from '../../store/database.ts';
import { type FindingView, findFindingView, listFindings } from '../../store/findings.ts';
import { findUser } from '../../store/users.ts';
import type { WriteTx } from '../../store/write.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { principalOf } from '../http/authenticate.ts';
import { cutPage, pageOf, pageQuery, pageRequest } from '../http/paging.ts';
import { notFound } from '../http/problems.ts';
import { closed, idOf } from '../http/schemas.ts';
import { runWrite } from '../http/write.ts';
import { riskOfUser } from './risk.ts';
import {
  Dismissal,
  DismissedSignal,
  presentSignal,
  Signal,
  signalFilters,
  UserRisk,
} from './schemas.ts';

const list = 'signals';
const tags = ['signals'];
const params = Type.Object({ id: idOf('sig') });

/** /v1/signals, and the risk of a user. */
export function signalRoutes(app: AdminApp, context: AdminContext): void {
  readingRoutes(app, context);
  const settings = new SignalSettings();
  const answer = (view: FindingView, { signals }: Positions) => ({
    status: 200,
    body: { ...presentSignal(view, context.clock()), position: signals ?? null },
  });
  app.post(
    '/v1/signals/:id/dismiss',
    {
      config: { permission: 'revocations:write' },
      schema: {
        tags,
        summary: 'Say that a finding is none',
        description:
          'Edges are told that it does not count, and the same is not raised again for as long as ' +
          'the settings say (`signals.dismissalsLast`). A session that it ended stays ended.',
        params,
        body: Dismissal,
        response: { 200: DismissedSignal },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const given = { by: principalOf(request).id, why: request.body.reason };
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'dismiss', resource: 'signal', resourceId: id },
        body: (tx) => changed(tx, id, dismiss(tx, settings, id, given)),
        answer,
      });
      return body;
    },
  );
  app.post(
    '/v1/signals/:id/undismiss',
    {
      config: { permission: 'revocations:write' },
      schema: {
        tags,
        summary: 'Take a dismissal back',
        description: 'The finding counts again, as far as it has not decayed.',
        params,
        response: { 200: DismissedSignal },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'undismiss', resource: 'signal', resourceId: id },
        body: (tx) => changed(tx, id, undismiss(tx, id)),
        answer,
      });
      return body;
    },
  );
}

/** The finding as it is after a change. */
async function changed(tx: WriteTx, id: string, change: Promise<unknown>): Promise<FindingView> {
  await change;
  const view = await findFindingView(tx.db, id);
  if (view === null) throw notFound();
  return view;
}

function readingRoutes(app: AdminApp, context: AdminContext): void {
  const { database, clock } = context;
  app.get(
    '/v1/signals',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'List what detectors found',
        querystring: Type.Object({ ...pageQuery, ...signalFilters }, closed),
        response: { 200: pageOf(Signal) },
      },
    },
    async (request) => {
      const wanted = pageRequest(list, request.query);
      const nowMs = clock();
      const found = await read(database, (db) => listFindings(db, request.query, wanted, nowMs));
      const { rows, nextCursor } = cutPage(list, wanted, found, ({ finding }) => [
        finding.atMs,
        finding.id,
      ]);
      return { items: rows.map((view) => presentSignal(view, nowMs)), nextCursor };
    },
  );
  app.get(
    '/v1/signals/:id',
    {
      config: { permission: 'read' },
      schema: { tags, summary: 'Read a finding', params, response: { 200: Signal } },
    },
    async (request) => {
      const view = await read(database, (db) => findFindingView(db, request.params.id));
      if (view === null) throw notFound();
      return presentSignal(view, clock());
    },
  );
  app.get(
    '/v1/users/:id/risk',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'Read the present risk of a user',
        params: Type.Object({ id: idOf('usr') }),
        response: { 200: UserRisk },
      },
    },
    async (request) => {
      const { id } = request.params;
      return read(database, async (db) => {
        if ((await findUser(db, id)) === null) throw notFound();
        return riskOfUser(db, id, clock());
      });
    },
  );
}
