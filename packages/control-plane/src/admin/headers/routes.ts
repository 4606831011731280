import { Type } from 'typebox';
import { read } from '../../store/database.ts';
import { dayAt, dayStartMs } from '../../store/records/ids.ts';
import { listLargeHeaders } from '../../store/records/large-headers.ts';
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
      what: Type.String({ description: '`headers`, with the target, or `cookies`.' }),
      limitBytes: Type.Integer({ description: 'As it was for the latest of these requests.' }),
      mostBytes: Type.Integer(),
      near: Type.Integer({ description: 'Requests above 80 % of the limit, and within it.' }),
      over: Type.Integer({ description: 'Requests above it: refused, or let pass in audit.' }),
      lastSeen: instant,
    }),
  ),
  complete: Type.Boolean(),
});

/** /v1/large-headers: routes whose requests come near their limits for headers and cookies */
export function headerRoutes(app: AdminApp, context: AdminContext): void {
  app.get(
    '/v1/large-headers',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['decisions'],
        summary: 'Routes whose permitted requests come near the limits of headers and cookies',
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
        listLargeHeaders(db, day, route ?? null, rowsMax + 1),
      );
      return {
        since: isoOf(dayStartMs(day)),
        items: found
          .slice(0, rowsMax)
          .map(({ lastSeenAtMs, ...row }) => ({ ...row, lastSeen: isoOf(lastSeenAtMs) })),
        complete: found.length <= rowsMax,
      };
    },
  );
}
