import type { Position } from '@sallyport/shared/state/model';
import type { Static } from 'typebox';
import { moveLane } from '../../releases/lane.ts';
import { reportShadow } from '../../simulate/shadow-report.ts';
import { findVersionSummary } from '../../store/configuration.ts';
import { read } from '../../store/database.ts';
import { defaultRing, type ReleaseRow } from '../../store/releases.ts';
import { findRelease, listShadows, putShadow } from '../../store/shadows.ts';
import type { WriteTx } from '../../store/write.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { conflict, contradiction, instantAt, notFound } from '../http/problems.ts';
import { isoOrNull } from '../http/schemas.ts';
import { runWrite } from '../http/write.ts';
import {
  type Shadow,
  ShadowBody,
  ShadowReport,
  ShadowSet,
  Shadows,
  shadowQuery,
  shadowReportQuery,
} from './schemas.ts';

const tags = ['rehearsal'];
const limitDefault = 10_000;
const timeMsMax = 10_000;

/** /v1/shadow: a version that edges decide besides the live one, without effect */
export function shadowRoutes(app: AdminApp, context: AdminContext): void {
  writingRoutes(app, context);
  const { database } = context;
  app.get(
    '/v1/shadow',
    {
      config: { permission: 'read' },
      schema: { tags, summary: 'List what rings decide besides', response: { 200: Shadows } },
    },
    async () => ({ items: (await read(database, listShadows)).map(present) }),
  );
  app.get(
    '/v1/shadow/report',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'Tell who would gain and who would lose by a shadow version',
        description:
          'The requests about which it differs, newest first, within a bound of records and time.',
        querystring: shadowReportQuery,
        response: { 200: ShadowReport },
      },
    },
    async ({ query }): Promise<Static<typeof ShadowReport>> => {
      const sinceMs = query.since === undefined ? null : instantAt(query.since, '?since');
      return read(database, async (db) => {
        const version =
          query.version ?? (await findRelease(db, defaultRing))?.shadowVersion ?? null;
        if (version === null) throw notFound();
        const { differences, ...report } = await reportShadow(db, {
          version,
          sinceMs: sinceMs ?? 0,
          limit: query.limit ?? limitDefault,
          stopAtMs: performance.now() + timeMsMax,
        });
        return { version, since: isoOrNull(sinceMs), ...report, ...differences.present() };
      });
    },
  );
}

function writingRoutes(app: AdminApp, context: AdminContext): void {
  app.put(
    '/v1/shadow',
    {
      config: { permission: 'configuration:write' },
      schema: {
        tags,
        summary: 'Let the edges of a ring decide a second version besides',
        body: ShadowBody,
        response: { 200: ShadowSet },
      },
    },
    async (request, reply) => {
      const { version, ring = defaultRing } = request.body;
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'start', resource: 'shadow', resourceId: ring },
        body: (tx) => setShadow(tx, ring, version),
        answer: (row, positions) => answer(row, positions.config),
      });
      return body;
    },
  );
  app.delete(
    '/v1/shadow',
    {
      config: { permission: 'configuration:write' },
      schema: {
        tags,
        summary: 'Decide nothing besides any more',
        querystring: shadowQuery,
        response: { 200: ShadowSet },
      },
    },
    async (request, reply) => {
      const { ring = defaultRing } = request.query;
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'stop', resource: 'shadow', resourceId: ring },
        body: (tx) => setShadow(tx, ring, null),
        answer: (row, positions) => answer(row, positions.config),
      });
      return body;
    },
  );
}

async function setShadow(tx: WriteTx, ring: string, version: number | null): Promise<ReleaseRow> {
  return moveLane(tx, async () => {
    const row = await findRelease(tx.db, ring);
    if (version === null) {
      if (row === null || row.shadowVersion === null) throw notFound();
    } else {
      await checkVersion(tx, version);
      if (row === null) throw conflict('nothing has been released to this ring');
      if (row.version === version) {
        throw contradiction('/version', 'is what the ring decides by already');
      }
    }
    await putShadow(tx.db, ring, version);
    tx.describe(ring, { version });
    return { ...row, shadowVersion: version };
  });
}

/** What nobody has agreed to does not go to edges, without effect though it would be. */
async function checkVersion({ db }: WriteTx, version: number): Promise<void> {
  const found = await findVersionSummary(db, version);
  if (found === null) throw notFound();
  if (found.state === 'proposed' || found.state === 'refused') {
    throw conflict(`the version is ${found.state}`);
  }
}

function answer(row: ReleaseRow, position: Position | undefined) {
  return { status: 200, body: { ...present(row), position: position ?? null } };
}

function present({ ring, version, shadowVersion }: ReleaseRow): Shadow {
  return { ring, version, shadowVersion };
}
