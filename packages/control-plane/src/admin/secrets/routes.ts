import { createHash } from 'node:crypto';
import { type SealKey, seal } from '@sallyport/shared/seal';
import { type Static, Type } from 'typebox';
import { holdConfiguration, readDocumentsInUse } from '../../store/configuration.ts';
import { read } from '../../store/database.ts';
import {
  deleteSecret,
  holdSecret,
  listSecrets,
  lockSecret,
  putSecret,
  type SecretRow,
  secretContext,
} from '../../store/secrets.ts';
import type { WriteTx } from '../../store/write.ts';
import { namedSecrets } from '../configuration/named-secrets.ts';
import { keyProblem } from '../configuration/webhook-keys.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { cutPage, pageOf, pageQuery, pageRequest } from '../http/paging.ts';
import { badField, conflict, notFound } from '../http/problems.ts';
import { closed, instant, isoOf, sha256Hex } from '../http/schemas.ts';
import { runWrite } from '../http/write.ts';

const tags = ['secrets'];
const name = Type.String({ pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' });
const params = Type.Object({ name });
const valueBytesMax = 65_536;

const NewValue = Type.Object(
  { value: Type.String({ minLength: 1, maxLength: valueBytesMax }) },
  closed,
);

const Secret = Type.Object({
  name,
  version: Type.Integer(),
  sha256: sha256Hex,
  holder: Type.Union([Type.Literal('edge'), Type.Literal('control-plane')]),
  createdAt: instant,
  updatedAt: instant,
});

/** /v1/secrets: values go in and never come out */
export function secretRoutes(app: AdminApp, context: AdminContext): void {
  app.get(
    '/v1/secrets',
    {
      config: { permission: 'secrets:read' },
      schema: {
        tags,
        summary: 'List secrets, without their values',
        querystring: Type.Object(pageQuery, closed),
        response: { 200: pageOf(Secret) },
      },
    },
    async (request) => {
      const wanted = pageRequest('secrets', request.query);
      const found = await read(context.database, (db) => listSecrets(db, wanted));
      const { rows, nextCursor } = cutPage('secrets', wanted, found, (row) => [
        row.createdAtMs,
        row.id,
      ]);
      return { items: rows.map(presentSecret), nextCursor };
    },
  );
  app.put(
    '/v1/secrets/:name',
    {
      config: { permission: 'secrets:write' },
      schema: {
        tags,
        summary: 'Store the next version of a secret of the control plane',
        params,
        body: NewValue,
        response: { 200: Secret },
      },
    },
    async (request, reply) => {
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'put', resource: 'secret' },
        body: (tx) => storeValue(tx, request.params.name, request.body.value, context.sealKey),
        answer: (row) => ({ status: 200, body: presentSecret(row) }),
      });
      return body;
    },
  );
  app.delete(
    '/v1/secrets/:name',
    {
      config: { permission: 'secrets:write' },
      schema: { tags, summary: 'Delete a secret', params, response: { 204: Type.Null() } },
    },
    async (request, reply) => {
      await runWrite(context, request, reply, {
        action: { verb: 'delete', resource: 'secret' },
        body: (tx) => removeSecret(tx, request.params.name),
        answer: () => ({ status: 204, body: null }),
      });
      return reply.code(204).send(null);
    },
  );
}

type ShownSecret = Omit<SecretRow, 'sealedValue'>;

async function storeValue(
  tx: WriteTx,
  id: string,
  value: string,
  sealKey: SealKey,
): Promise<ShownSecret> {
  await holdSecret(tx.db, id);
  const current = await lockSecret(tx.db, id);
  if (current?.holder === 'edge') throw conflict('this secret is made by the control plane itself');
  await refuseUnusable(tx, id, value);
  const bytes = Buffer.from(value, 'utf8');
  const version = (current?.version ?? 0) + 1;
  const sha256 = new Uint8Array(createHash('sha256').update(bytes).digest());
  const sealedValue = seal(sealKey, bytes, secretContext(id, version));
  await putSecret(tx.db, { id, holder: 'control-plane', version, sealedValue, sha256 }, tx.nowMs);
  tx.describe(id, { version });
  const createdAtMs = current?.createdAtMs ?? tx.nowMs;
  return { id, holder: 'control-plane', version, sha256, createdAtMs, updatedAtMs: tx.nowMs };
}

/** A webhook that is at work must not lose what it signs with. */
async function refuseUnusable(tx: WriteTx, id: string, value: string): Promise<void> {
  const problem = keyProblem(value);
  if (problem === null) return;
  const hooks = (await readDocumentsInUse(tx.db)).flatMap((document) =>
    document.kind === 'Settings' ? (document.spec.webhooks ?? []) : [],
  );
  const hook = hooks.find(({ secret }) => secret === id);
  if (hook !== undefined)
    throw badField('/value', `webhook ${hook.name} signs with it: ${problem}`);
}

async function removeSecret(tx: WriteTx, id: string): Promise<void> {
  // So that no set comes in between that names it.
  await holdConfiguration(tx.db);
  await holdSecret(tx.db, id);
  const current = await lockSecret(tx.db, id);
  if (current === null) throw notFound();
  if (current.holder === 'edge') throw conflict('this secret is made by the control plane itself');
  const user = namedSecrets(await readDocumentsInUse(tx.db)).find(({ secret }) => secret === id);
  if (user !== undefined) throw conflict(`${user.document} needs this secret`);
  await deleteSecret(tx.db, id);
  tx.describe(id);
}

function presentSecret(row: ShownSecret): Static<typeof Secret> {
  return {
    name: row.id,
    version: row.version,
    sha256: Buffer.from(row.sha256).toString('hex'),
    holder: row.holder,
    createdAt: isoOf(row.createdAtMs),
    updatedAt: isoOf(row.updatedAtMs),
  };
}
