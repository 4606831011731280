import type { RouteDocument } from '@sallyport/shared/configuration/documents';
import { ofKind } from '@sallyport/shared/configuration/names';
import { toPolicySet } from '@sallyport/shared/configuration/set';
import type { Static } from 'typebox';
import { type Reach, ReachSets, reach } from '../../simulate/reach.ts';
import { takeTurns } from '../../simulate/turns.ts';
import type { PolicyVersion } from '../../simulate/versions.ts';
import { findBlocked } from '../../store/blocked.ts';
import { liveVersion } from '../../store/configuration.ts';
import { type Executor, read } from '../../store/database.ts';
import { findUser, findUsersByEmail, listUsers, type UserRow } from '../../store/users.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { cutPage, limitDefault, pageRequest, readCursor, writeCursor } from '../http/paging.ts';
import { conflict, notFound } from '../http/problems.ts';
import { isoOf } from '../http/schemas.ts';
import { WhatCan, WhoCan, whatCanQuery, whoCanQuery } from './schemas.ts';
import {
  type Asked,
  factsOfNobody,
  factsOfService,
  factsOfUser,
  readDirectory,
} from './subjects.ts';
import { type Target, targetOf } from './target.ts';

const tags = ['access'];
const assumptions = [
  'groups, employment, suspensions and blocks are those of this moment, and so are dates of rules',
  'the user has signed in; how, from where, at what time and on which device is left open: see needs',
  'monitor mode is left out: while it lasts, it lets in everyone who has signed in',
];
/** Then the page ends early, and the cursor goes on from there. */
const timeMsMax = 5_000;

/** /v1/access: who gets through to what, by the live version and directory */
export function accessRoutes(app: AdminApp, context: AdminContext): void {
  const { database, policies, clock } = context;
  const sets = new ReachSets();
  const live = async (db: Executor): Promise<PolicyVersion> => {
    const version = await liveVersion(db);
    const found = version === null ? null : await policies.find(db, version);
    if (found === null) throw notFound();
    return found;
  };
  app.get(
    '/v1/access/who-can',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'Tell for each active user whether a route lets them in',
        querystring: whoCanQuery,
        response: { 200: WhoCan },
      },
    },
    async ({ query }): Promise<Static<typeof WhoCan>> =>
      read(database, async (db) => {
        const version = await live(db);
        const route = routesOf(version).find(({ metadata }) => metadata.name === query.route);
        if (route === undefined) throw notFound();
        const target = targetOf(version, route, query);
        const question = { path: target.path !== null, method: target.method !== null };
        const set = sets.of(policySetOf(version), { subject: 'user', ...question });
        const asked = askedOf(clock(), query.route, set.hosts, target);
        const wanted = pageRequest('who-can', query);
        const found = await listUsers(db, { status: 'active' }, wanted);
        const { rows, nextCursor } = cutPage('who-can', wanted, found, keyOfUser);
        const directory = await readDirectory(db, rows, asked.nowMs);
        const done = await inTime(rows, (row) => ({
          user: presentUser(row),
          ...present(reach(set, factsOfUser(directory, row.id, asked))),
        }));
        const last = rows[done.length - 1];
        const cut = done.length < rows.length && last !== undefined;
        const services =
          query.cursor === undefined
            ? await servicesThatCan(db, version, asked, directory.lockdown, (subject) =>
                sets.of(policySetOf(version), { subject, ...question }),
              )
            : { services: [], moreServices: false };
        const nobody = reach(set, factsOfNobody(directory.lockdown, asked));
        return {
          version: version.version,
          route: query.route,
          ...target,
          at: isoOf(asked.nowMs),
          assumptions,
          monitorUntil: monitorOf(route),
          anonymous: nobody.access !== 'never',
          ...services,
          items: done,
          nextCursor: cut ? writeCursor('who-can', ...keyOfUser(last)) : nextCursor,
        };
      }),
  );
  app.get(
    '/v1/access/what-can',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'Tell for each route whether it lets a user in',
        querystring: whatCanQuery,
        response: { 200: WhatCan },
      },
    },
    async ({ query }): Promise<Static<typeof WhatCan>> =>
      read(database, async (db) => {
        const version = await live(db);
        const user = await oneUser(db, query.user);
        const set = sets.of(policySetOf(version), { subject: 'user', path: false, method: false });
        const nowMs = clock();
        const directory = await readDirectory(db, [user], nowMs);
        const [, after = ''] = readCursor('what-can', query.cursor) ?? [];
        const routes = routesOf(version).filter(({ metadata }) => metadata.name > after);
        const page = routes.slice(0, query.limit ?? limitDefault);
        const done = await inTime(page, (route) => {
          const { name } = route.metadata;
          const asked = askedOf(nowMs, name, set.hosts, { method: null, path: null });
          return {
            route: name,
            hosts: [...new Set(route.spec.match.map(({ host }) => host))],
            monitorUntil: monitorOf(route),
            ...present(reach(set, factsOfUser(directory, user.id, asked))),
          };
        });
        const last = done.at(-1);
        return {
          version: version.version,
          at: isoOf(nowMs),
          user: presentUser(user),
          assumptions,
          items: done,
          nextCursor:
            last !== undefined && done.length < routes.length
              ? writeCursor('what-can', 0, last.route)
              : null,
        };
      }),
  );
}

/** By name: the order of pages. */
function routesOf({ documents }: PolicyVersion): readonly RouteDocument[] {
  return ofKind(documents, 'Route').toSorted((a, b) =>
    a.metadata.name < b.metadata.name ? -1 : 1,
  );
}

function policySetOf({ version, documents }: PolicyVersion) {
  return toPolicySet(version, documents);
}

function askedOf(
  nowMs: number,
  route: string,
  hosts: ReadonlyMap<string, string>,
  { method, path }: Target,
): Asked {
  return { nowMs, host: hosts.get(route) ?? '', method: method ?? 'GET', path: path ?? '/' };
}

async function servicesThatCan(
  db: Executor,
  version: PolicyVersion,
  asked: Asked,
  lockdown: boolean,
  setOf: (subject: 'service') => Parameters<typeof reach>[0],
) {
  const services = ofKind(version.documents, 'ServiceIdentity');
  if (services.length === 0) return { services: [], moreServices: false };
  const names = services.map(({ metadata }) => metadata.name);
  const blocked = await findBlocked(db, 'service', names, asked.nowMs);
  const set = setOf('service');
  const done = await inTime(services, ({ metadata: { name }, spec: { devices } }) => ({
    service: name,
    ...present(reach(set, factsOfService(lockdown, devices[0] ?? '', blocked.has(name), asked))),
  }));
  const can = done.filter(({ access }) => access !== 'never');
  return { services: can, moreServices: done.length < services.length };
}

/** Other work goes on between two of them, and after a while it ends with what there is. */
async function inTime<Item, Made>(
  items: readonly Item[],
  make: (item: Item) => Made,
): Promise<Made[]> {
  const stopAtMs = performance.now() + timeMsMax;
  const made: Made[] = [];
  const turn = takeTurns();
  for (const item of items) {
    made.push(make(item));
    if (performance.now() > stopAtMs) break;
    await turn();
  }
  return made;
}

async function oneUser(db: Executor, given: string): Promise<UserRow> {
  if (!given.includes('@')) {
    const user = await findUser(db, given);
    if (user === null) throw notFound();
    return user;
  }
  const [user, second] = await findUsersByEmail(db, given);
  if (user === undefined) throw notFound();
  if (second !== undefined) throw conflict('several users have this address; give an id');
  return user;
}

function keyOfUser({ createdAtMs, id }: UserRow): readonly [number, string] {
  return [createdAtMs, id];
}

function presentUser({ id, email, displayName }: UserRow) {
  return { id, email, displayName };
}

function present({ access, rules, unless, stepUp, reasons }: Reach) {
  const open = (list: Reach['rules']) =>
    list.map(({ rule, needs }) => ({ rule, needs: [...needs] }));
  return {
    access,
    rules: open(rules),
    unless: open(unless),
    stepUp: [...stepUp],
    reasons: [...reasons],
  };
}

function monitorOf({ spec }: RouteDocument): string | null {
  return spec.monitor?.until ?? null;
}
