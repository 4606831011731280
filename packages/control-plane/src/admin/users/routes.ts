import { Type } from 'typebox';
import { read } from '../../store/database.ts';
import { listUsers, type UserRow } from '../../store/users.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { cutPage, pageOf, pageQuery, pageRequest } from '../http/paging.ts';
import { closed, searchText } from '../http/schemas.ts';
import { runWrite } from '../http/write.ts';
import { NewUser, User, UserChange, userId, userStatus } from './schemas.ts';
import { changeUser, createUser, readUser, removeUser, showUsers } from './users.ts';

const list = 'users';
const tags = ['users'];
const params = Type.Object({ id: userId });

/** /v1/users */
export function userRoutes(app: AdminApp, context: AdminContext): void {
  const query = Type.Object(
    {
      ...pageQuery,
      email: Type.Optional(Type.String({ minLength: 1, maxLength: 254 })),
      search: Type.Optional(searchText),
      status: Type.Optional(userStatus),
    },
    closed,
  );
  app.get(
    '/v1/users',
    {
      config: { permission: 'read' },
      schema: { tags, summary: 'List users', querystring: query, response: { 200: pageOf(User) } },
    },
    async (request) => {
      const wanted = pageRequest(list, request.query);
      return read(context.database, async (db) => {
        const found = await listUsers(db, request.query, wanted);
        const { rows, nextCursor } = cutPage(list, wanted, found, keyOf);
        return { items: await showUsers(db, rows), nextCursor };
      });
    },
  );
  app.get(
    '/v1/users/:id',
    {
      config: { permission: 'read' },
      schema: { tags, summary: 'Read a user', params, response: { 200: User } },
    },
    async (request) => read(context.database, (db) => readUser(db, request.params.id)),
  );
  app.post(
    '/v1/users',
    {
      config: { permission: 'directory:write' },
      schema: { tags, summary: 'Create a user', body: NewUser, response: { 201: User } },
    },
    async (request, reply) => {
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'create', resource: 'user' },
        body: (tx) => createUser(tx, request.body),
        answer: (user) => ({ status: 201, body: user }),
      });
      return reply.code(201).send(body);
    },
  );
  app.patch(
    '/v1/users/:id',
    {
      config: { permission: 'directory:write' },
      schema: {
        tags,
        summary: 'Change a user',
        params,
        body: UserChange,
        response: { 200: User },
      },
    },
    async (request, reply) => {
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'update', resource: 'user' },
        body: (tx) => changeUser(tx, request.params.id, request.body),
        answer: (user) => ({ status: 200, body: user }),
      });
      return body;
    },
  );
  app.delete(
    '/v1/users/:id',
    {
      config: { permission: 'directory:write' },
      schema: { tags, summary: 'Delete a user', params, response: { 204: Type.Null() } },
    },
    async (request, reply) => {
      await runWrite(context, request, reply, {
        action: { verb: 'delete', resource: 'user' },
        body: (tx) => removeUser(tx, request.params.id),
        answer: () => ({ status: 204, body: null }),
      });
      return reply.code(204).send(null);
    },
  );
}

function keyOf(row: UserRow): readonly [number, string] {
  return [row.createdAtMs, row.id];
}
