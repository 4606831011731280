import { Type } from 'typebox';
import { read } from '../../store/database.ts';
import { type DeviceRow, findDevice, listDevices } from '../../store/devices.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { principalOf } from '../http/authenticate.ts';
import { cutPage, pageOf, pageQuery, pageRequest } from '../http/paging.ts';
import { notFound } from '../http/problems.ts';
import { closed, idOf, searchText } from '../http/schemas.ts';
import { runWrite } from '../http/write.ts';
import { certificateRoutes } from './certificate-routes.ts';
import { changeDevice, createDevice, removeDevice } from './devices.ts';
import { putPosture } from './posture.ts';
import { Device, DeviceChange, deviceId, NewDevice, Posture, presentDevice } from './schemas.ts';

const tags = ['devices'];
const params = Type.Object({ id: deviceId });

/** /v1/devices and their certificates */
export function deviceRoutes(app: AdminApp, context: AdminContext): void {
  const query = Type.Object(
    {
      ...pageQuery,
      owner: Type.Optional(idOf('usr')),
      managed: Type.Optional(Type.Boolean()),
      search: Type.Optional(searchText),
    },
    closed,
  );
  app.get(
    '/v1/devices',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'List devices',
        querystring: query,
        response: { 200: pageOf(Device) },
      },
    },
    async (request) => {
      const wanted = pageRequest('devices', request.query);
      const found = await read(context.database, (db) => listDevices(db, request.query, wanted));
      const { rows, nextCursor } = cutPage('devices', wanted, found, keyOf);
      return { items: rows.map(presentDevice), nextCursor };
    },
  );
  app.get(
    '/v1/devices/:id',
    {
      config: { permission: 'read' },
      schema: { tags, summary: 'Read a device', params, response: { 200: Device } },
    },
    async (request) => {
      const row = await read(context.database, (db) => findDevice(db, request.params.id));
      if (row === null) throw notFound();
      return presentDevice(row);
    },
  );
  app.post(
    '/v1/devices',
    {
      config: { permission: 'directory:write' },
      schema: { tags, summary: 'Create a device', body: NewDevice, response: { 201: Device } },
    },
    async (request, reply) => {
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'create', resource: 'device' },
        body: (tx) => createDevice(tx, request.body),
        answer: (row) => ({ status: 201, body: presentDevice(row) }),
      });
      return reply.code(201).send(body);
    },
  );
  app.patch(
    '/v1/devices/:id',
    {
      config: { permission: 'directory:write' },
      schema: {
        tags,
        summary: 'Change a device',
        params,
        body: DeviceChange,
        response: { 200: Device },
      },
    },
    async (request, reply) => {
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'update', resource: 'device' },
        body: (tx) => changeDevice(tx, request.params.id, request.body),
        answer: (row) => ({ status: 200, body: presentDevice(row) }),
      });
      return body;
    },
  );
  app.put(
    '/v1/devices/:id/posture',
    {
      config: { permission: 'directory:write' },
      schema: {
        tags,
        summary: 'Say what was observed of a device',
        params,
        body: Posture,
        response: { 200: Device },
      },
    },
    async (request, reply) => {
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'observe', resource: 'device' },
        body: (tx) => putPosture(tx, request.params.id, request.body),
        answer: (row) => ({ status: 200, body: presentDevice(row) }),
      });
      return body;
    },
  );
  app.delete(
    '/v1/devices/:id',
    {
      config: { permission: 'directory:write' },
      schema: { tags, summary: 'Delete a device', params, response: { 204: Type.Null() } },
    },
    async (request, reply) => {
      await runWrite(context, request, reply, {
        action: { verb: 'delete', resource: 'device' },
        body: (tx) => removeDevice(tx, request.params.id, principalOf(request).id),
        answer: () => ({ status: 204, body: null }),
      });
      return reply.code(204).send(null);
    },
  );
  certificateRoutes(app, context);
}

function keyOf(row: DeviceRow): readonly [number, string] {
  return [row.createdAtMs, row.id];
}
