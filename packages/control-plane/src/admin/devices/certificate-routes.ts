import { Type } from 'typebox';
import { read } from '../../store/database.ts';
import { findDevice, findDeviceCertificates } from '../../store/devices.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { principalOf } from '../http/authenticate.ts';
import { pageOf } from '../http/paging.ts';
import { notFound } from '../http/problems.ts';
import { sha256Hex } from '../http/schemas.ts';
import { runWrite } from '../http/write.ts';
import { enrol, withdraw } from './certificates.ts';
import { Certificate, deviceId, NewCertificate, presentCertificate } from './schemas.ts';

const tags = ['devices'];
const params = Type.Object({ id: deviceId });
const certificateParams = Type.Object({ id: deviceId, sha256: sha256Hex });

/** /v1/devices/{id}/certificates */
export function certificateRoutes(app: AdminApp, context: AdminContext): void {
  app.get(
    '/v1/devices/:id/certificates',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'List the certificates of a device',
        description: 'A device has 100 at the most, so there is one page.',
        params,
        response: { 200: pageOf(Certificate) },
      },
    },
    async (request) => {
      const rows = await read(context.database, async (db) => {
        if ((await findDevice(db, request.params.id)) === null) throw notFound();
        return findDeviceCertificates(db, request.params.id);
      });
      return { items: rows.map(presentCertificate), nextCursor: null };
    },
  );
  app.post(
    '/v1/devices/:id/certificates',
    {
      config: { permission: 'directory:write' },
      schema: {
        tags,
        summary: 'Enrol a certificate: issue one for a request, or register one',
        params,
        body: NewCertificate,
        response: { 201: Certificate },
      },
    },
    async (request, reply) => {
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'enrol', resource: 'device' },
        body: (tx) => enrol(tx, context, request.params.id, request.body),
        answer: (row) => ({ status: 201, body: presentCertificate(row) }),
      });
      return reply.code(201).send(body);
    },
  );
  app.delete(
    '/v1/devices/:id/certificates/:sha256',
    {
      config: { permission: 'directory:write' },
      schema: {
        tags,
        summary: 'Withdraw a certificate',
        description: 'One that our authority issued is blocked until it expires.',
        params: certificateParams,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { id, sha256 } = request.params;
      await runWrite(context, request, reply, {
        action: { verb: 'withdraw', resource: 'device' },
        body: (tx) => withdraw(tx, id, sha256, principalOf(request).id),
        answer: () => ({ status: 204, body: null }),
      });
      return reply.code(204).send(null);
    },
  );
}
