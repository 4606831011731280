import { documentDiffs } from '@sallyport/shared/configuration/diff';
import { configurationSchema } from '@sallyport/shared/configuration/json-schema';
import { type Static, Type } from 'typebox';
import {
  findVersionSummary,
  listVersions,
  liveVersion,
  readDocumentsOf,
} from '../../store/configuration.ts';
import { type Executor, readSnapshot } from '../../store/database.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { cutPage, pageOf, pageQuery, pageRequest } from '../http/paging.ts';
import { notFound } from '../http/problems.ts';
import { closed } from '../http/schemas.ts';
import {
  LiveConfiguration,
  presentVersion,
  Version,
  VersionDiff,
  VersionWithDocuments,
} from './schemas.ts';

const tags = ['configuration'];

export const versionParams = Type.Object({
  version: Type.String({ pattern: '^[1-9][0-9]{0,14}$' }),
});

/** What is live, what was, and how they differ. */
export function readingRoutes(app: AdminApp, context: AdminContext): void {
  const { database } = context;
  app.get(
    '/v1/config',
    {
      config: { permission: 'read' },
      schema: { tags, summary: 'Read the live set', response: { 200: LiveConfiguration } },
    },
    async () =>
      readSnapshot(database, async (db) => {
        const version = await liveVersion(db);
        if (version === null) return { version: 0, documents: [] };
        return { version, documents: await readDocumentsOf(db, version) };
      }),
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
      return readSnapshot(database, async (db) => {
        const live = await liveVersion(db);
        const found = await listVersions(db, wanted);
        const { rows, nextCursor } = cutPage('versions', wanted, found, (row) => [row.version, '']);
        return { items: rows.map((row) => presentVersion(row, live)), nextCursor };
      });
    },
  );
  app.get(
    '/v1/config/versions/:version',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'Read a version with its documents',
        params: versionParams,
        response: { 200: VersionWithDocuments },
      },
    },
    async (request) =>
      readSnapshot(database, async (db) => {
        const row = await findVersionSummary(db, Number(request.params.version));
        if (row === null) throw notFound();
        const documents = await readDocumentsOf(db, row.version);
        return { ...presentVersion(row, await liveVersion(db)), documents };
      }),
  );
  app.get(
    '/v1/config/versions/:version/diff',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'Compare a version with another',
        params: versionParams,
        querystring: Type.Object(
          {
            against: Type.Optional(
              Type.Integer({ minimum: 1, description: 'Default: the version it was made from.' }),
            ),
          },
          closed,
        ),
        response: { 200: VersionDiff },
      },
    },
    async ({ params, query }) =>
      readSnapshot(database, (db) => diffOf(db, Number(params.version), query.against)),
  );
  app.get(
    '/v1/schema',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'Read the JSON Schema of documents',
        response: { 200: Type.Object({}, { additionalProperties: true }) },
      },
    },
    async () => configurationSchema(),
  );
}

async function diffOf(
  db: Executor,
  version: number,
  wanted: number | undefined,
): Promise<Static<typeof VersionDiff>> {
  const row = await findVersionSummary(db, version);
  if (row === null) throw notFound();
  const against = wanted ?? row.base;
  if (wanted !== undefined && (await findVersionSummary(db, wanted)) === null) throw notFound();
  const before = against === null ? [] : await readDocumentsOf(db, against);
  const diffs = documentDiffs(before, await readDocumentsOf(db, version));
  return { version, against, documents: diffs.map((diff) => ({ ...diff })) };
}
