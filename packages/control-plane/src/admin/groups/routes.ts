import { Type } from 'typebox';
import { read } from '../../store/database.ts';
import { findGroup, listGroups, listMembers } from '../../store/groups.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { cutPage, pageOf, pageQuery, pageRequest } from '../http/paging.ts';
import { notFound } from '../http/problems.ts';
import { closed, idOf, isoOf, searchText } from '../http/schemas.ts';
import { runWrite } from '../http/write.ts';
import { changeGroup, createGroup, deleteMember, putMember, removeGroup } from './groups.ts';
import { Group, GroupChange, groupId, Member, NewGroup, presentGroup } from './schemas.ts';

const tags = ['groups'];
const params = Type.Object({ id: groupId });
const memberParams = Type.Object({ id: groupId, userId: idOf('usr') });

/** /v1/groups and their members */
export function groupRoutes(app: AdminApp, context: AdminContext): void {
  const query = Type.Object(
    {
      ...pageQuery,
      name: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
      search: Type.Optional(searchText),
    },
    closed,
  );
  app.get(
    '/v1/groups',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'List groups',
        querystring: query,
        response: { 200: pageOf(Group) },
      },
    },
    async (request) => {
      const wanted = pageRequest('groups', request.query);
      const found = await read(context.database, (db) => listGroups(db, request.query, wanted));
      const { rows, nextCursor } = cutPage('groups', wanted, found, (row) => [
        row.createdAtMs,
        row.id,
      ]);
      return { items: rows.map(presentGroup), nextCursor };
    },
  );
  app.get(
    '/v1/groups/:id',
    {
      config: { permission: 'read' },
      schema: { tags, summary: 'Read a group', params, response: { 200: Group } },
    },
    async (request) => {
      const row = await read(context.database, (db) => findGroup(db, request.params.id));
      if (row === null) throw notFound();
      return presentGroup(row);
    },
  );
  app.post(
    '/v1/groups',
    {
      config: { permission: 'directory:write' },
      schema: { tags, summary: 'Create a group', body: NewGroup, response: { 201: Group } },
    },
    async (request, reply) => {
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'create', resource: 'group' },
        body: (tx) => createGroup(tx, request.body),
        answer: (row) => ({ status: 201, body: presentGroup(row) }),
      });
      return reply.code(201).send(body);
    },
  );
  app.patch(
    '/v1/groups/:id',
    {
      config: { permission: 'directory:write' },
      schema: {
        tags,
        summary: 'Change a group',
        params,
        body: GroupChange,
        response: { 200: Group },
      },
    },
    async (request, reply) => {
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'update', resource: 'group' },
        body: (tx) => changeGroup(tx, request.params.id, request.body),
        answer: (row) => ({ status: 200, body: presentGroup(row) }),
      });
      return body;
    },
  );
  app.delete(
    '/v1/groups/:id',
    {
      config: { permission: 'directory:write' },
      schema: { tags, summary: 'Delete a group', params, response: { 204: Type.Null() } },
    },
    async (request, reply) => {
      await runWrite(context, request, reply, {
        action: { verb: 'delete', resource: 'group' },
        body: (tx) => removeGroup(tx, request.params.id),
        answer: () => ({ status: 204, body: null }),
      });
      return reply.code(204).send(null);
    },
  );
  memberRoutes(app, context);
}

function memberRoutes(app: AdminApp, context: AdminContext): void {
  app.get(
    '/v1/groups/:id/members',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'List the members of a group',
        params,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: pageOf(Member) },
      },
    },
    async (request) => {
      const wanted = pageRequest('members', request.query);
      const found = await read(context.database, async (db) => {
        if ((await findGroup(db, request.params.id)) === null) throw notFound();
        return listMembers(db, request.params.id, wanted);
      });
      const { rows, nextCursor } = cutPage('members', wanted, found, ({ user }) => [
        user.createdAtMs,
        user.id,
      ]);
      const items = rows.map(({ user, sinceMs }) => ({
        userId: user.id,
        email: user.email,
        displayName: user.displayName,
        since: isoOf(sinceMs),
      }));
      return { items, nextCursor };
    },
  );
  app.put(
    '/v1/groups/:id/members/:userId',
    {
      config: { permission: 'directory:write' },
      schema: {
        tags,
        summary: 'Put a user into a group',
        params: memberParams,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { id, userId } = request.params;
      await runWrite(context, request, reply, {
        action: { verb: 'add-member', resource: 'group' },
        body: (tx) => putMember(tx, id, userId),
        answer: () => ({ status: 204, body: null }),
      });
      return reply.code(204).send(null);
    },
  );
  app.delete(
    '/v1/groups/:id/members/:userId',
    {
      config: { permission: 'directory:write' },
      schema: {
        tags,
        summary: 'Take a user out of a group',
        description: "A provider's claim may bring the membership back at the next sign-in.",
        params: memberParams,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { id, userId } = request.params;
      await runWrite(context, request, reply, {
        action: { verb: 'remove-member', resource: 'group' },
        body: (tx) => deleteMember(tx, id, userId),
        answer: () => ({ status: 204, body: null }),
      });
      return reply.code(204).send(null);
    },
  );
}
