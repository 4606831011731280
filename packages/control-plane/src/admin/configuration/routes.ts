import type { Position } from '@sallyport/shared/state/model';
import { type Static, Type } from 'typebox';
import {
  findVersionSummary,
  listVersions,
  newestVersion,
  readDocumentsOf,
  readLiveDocuments,
} from '../../store/configuration.ts';
import { read, readSnapshot } from '../../store/database.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { principalOf } from '../http/authenticate.ts';
import { cutPage, pageOf, pageQuery, pageRequest } from '../http/paging.ts';
import { notFound } from '../http/problems.ts';
import { closed } from '../http/schemas.ts';
import { runWrite } from '../http/write.ts';
import { type CheckedSet, checkChange, publish, readChange } from './apply.ts';
import {
  Applied,
  LiveConfiguration,
  NewConfiguration,
  presentVersion,
  Version,
  VersionWithDocuments,
} from './schemas.ts';

const tags = ['configuration'];

/** /v1/config: written as a set, applied whole */
export function configurationRoutes(app: AdminApp, context: AdminContext): void {
  readingRoutes(app, context);
  app.post(
    '/v1/config::apply',
    {
      config: { permission: 'configuration:write' },
      schema: {
        tags,
        summary: 'Apply documents as one new version',
        description: 'Whole or not at all. 200: nothing changed, or a dry run.',
        body: NewConfiguration,
        response: { 200: Applied, 201: Applied },
      },
    },
    async (request, reply) => {
      const change = readChange(request.body);
      if (request.body.dryRun === true) {
        const checked = await readSnapshot(context.database, (db) =>
          checkChange(db, change, context.clock()),
        );
        return reply.code(200).send(presentApplied(checked, null, true));
      }
      const { label } = principalOf(request);
      const { message = '' } = request.body;
      const { status, body } = await runWrite(context, request, reply, {
        action: { verb: 'apply', resource: 'configuration' },
        body: (tx) => publish(tx, change, label, message),
        answer: (checked, positions) => ({
          status: checked.changes.length === 0 ? 200 : 201,
          body: presentApplied(checked, positions.config ?? null, false),
        }),
      });
      return reply.code(status === 201 ? 201 : 200).send(body);
    },
  );
}

function presentApplied(
  { version, changes }: CheckedSet,
  position: Position | null,
  dryRun: boolean,
): Static<typeof Applied> {
  return { version, changed: changes.map((change) => ({ ...change })), position, dryRun };
}

function readingRoutes(app: AdminApp, context: AdminContext): void {
  app.get(
    '/v1/config',
    {
      config: { permission: 'read' },
      schema: { tags, summary: 'Read the live set', response: { 200: LiveConfiguration } },
    },
    async () =>
      readSnapshot(context.database, async (db) => ({
        version: await newestVersion(db),
        documents: await readLiveDocuments(db),
      })),
  );
  app.get(
    '/v1/config/versions',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'List versions',
        querystring: Type.Object(pageQuery, closed),
        response: { 200: pageOf(Version) },
      },
    },
    async (request) => {
      const wanted = pageRequest('versions', request.query);
      const found = await read(context.database, (db) => listVersions(db, wanted));
      const { rows, nextCursor } = cutPage('versions', wanted, found, (row) => [row.version, '']);
      return { items: rows.map(presentVersion), nextCursor };
    },
  );
  app.get(
    '/v1/config/versions/:version',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'Read a version with its documents',
        params: Type.Object({ version: Type.String({ pattern: '^[1-9][0-9]{0,14}$' }) }),
        response: { 200: VersionWithDocuments },
      },
    },
    async (request) =>
      readSnapshot(context.database, async (db) => {
        const row = await findVersionSummary(db, Number(request.params.version));
        if (row === null) throw notFound();
        return { ...presentVersion(row), documents: await readDocumentsOf(db, row.version) };
      }),
  );
}
