import { Type } from 'typebox';
import { read } from '../../store/database.ts';
import { dayAt, dayStartMs } from '../../store/records/ids.ts';
import { listLegacy } from '../../store/records/legacy.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { instantAt } from '../http/problems.ts';
import { closed, documentName, instant, isoOf, writtenInstant } from '../http/schemas.ts';

const windowDefaultMs = 30 * 86_400_000;
const rowsMax = 1_000;

const Report = Type.Object({
  since: instant,
  items: Type.Array(
    Type.Object({
      route: Type.String(),
      name: Type.String({ description: '`header:remote-user`, `cookie:_oauth2_proxy`.' }),
      requests: Type.Integer(),
      firstSeen: instant,
      lastSeen: instant,
    }),
  ),
  complete: Type.Boolean(),
});

/** /v1/migration: what requests still bring of the gate that was there before */
export function migrationRoutes(app: AdminApp, context: AdminContext): void {
  app.get(
    '/v1/migration',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['decisions'],
        summary: 'Identity headers and single sign-on cookies of another gate, by route',
        querystring: Type.Object(
          {
            route: Type.Optional(documentName),
            since: Type.Optional({ ...writtenInstant, description: 'Days before are left out.' }),
          },
          closed,
        ),
        response: { 200: Report },
      },
    },
    async ({ query: { route, since } }) => {
      const sinceMs =
        since === undefined ? context.clock() - windowDefaultMs : instantAt(since, '?since');
      const day = dayAt(sinceMs);
      const found = await read(context.database, (db) =>
        listLegacy(db, day, route ?? null, rowsMax + 1),
      );
      return {
        since: isoOf(dayStartMs(day)),
        items: found.slice(0, rowsMax).map(({ firstSeenAtMs, lastSeenAtMs, ...row }) => ({
          ...row,
          firstSeen: isoOf(firstSeenAtMs),
          lastSeen: isoOf(lastSeenAtMs),
        })),
        complete: found.length <= rowsMax,
      };
    },
  );
}
