import { createHash } from 'node:crypto';
import { open } from '@sallyport/shared/seal';
import { beforeAll, expect, test } from 'vitest';
import { adminAudit, changeLog, secrets } from '../../store/schema/index.ts';
import { findSecret, secretContext } from '../../store/secrets.ts';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';
import { loggedOps } from '../../testing/log-ops.ts';

let admin: TestAdmin;
beforeAll(async () => {
  admin = await testAdmin();
});

const put = (name: string, value: string, headers = {}) =>
  admin.send('PUT', `/v1/secrets/${name}`, { headers, body: { value } });

test('a secret goes in, is sealed, and never comes out', async () => {
  const value = 'the client secret of the corp provider';
  const { status, body } = await put('corp', value, { 'idempotency-key': 'put-corp' });
  expect([status, body.version, body.holder]).toEqual([200, 1, 'control-plane']);
  expect(body.sha256).toBe(createHash('sha256').update(value).digest('hex'));
  const row = await findSecret(admin.database.db, 'corp');
  if (row === null) throw new Error('no secret');
  const opened = open(admin.context.sealKey, row.sealedValue, secretContext('corp', 1));
  expect(Buffer.from(opened).toString('utf8')).toBe(value);
  const { body: list } = await admin.send('GET', '/v1/secrets');
  expect(list.items.map((item: { name: string }) => item.name).sort()).toEqual([
    'cookie-ring',
    'corp',
  ]);
  const everywhere = [
    list,
    await admin.database.db.select().from(adminAudit),
    (await admin.database.db.select().from(secrets)).map((one) =>
      Buffer.from(one.sealedValue).toString('latin1'),
    ),
    (await admin.database.db.select().from(changeLog)).map((one) =>
      Buffer.from(one.body).toString('latin1'),
    ),
  ];
  expect(JSON.stringify(everywhere)).not.toContain(value);
});

test('a secret of the control plane is not in the state, not even by name', async () => {
  await put('only-here', 'x');
  const ops = (await loggedOps(admin.database, 'config')).flat();
  const refs = ops.flatMap((op) => (op.op === 'secret_ref' ? [op.id] : []));
  expect(refs).toEqual(['cookie-ring']);
});

test('versions rise one by one, also when many write at the same time', async () => {
  const answers = await Promise.all(
    Array.from({ length: 5 }, (_, index) => put('busy', `v${index}`)),
  );
  const versions = answers.map((answer) => answer.body.version as number);
  expect(versions.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
});

test('what the control plane makes itself is neither replaced nor deleted', async () => {
  expect((await put('cookie-ring', 'mine')).status).toBe(409);
  expect((await admin.send('DELETE', '/v1/secrets/cookie-ring')).status).toBe(409);
});

test('a secret that nothing names is deleted', async () => {
  await put('old', 'x');
  expect((await admin.send('DELETE', '/v1/secrets/old')).status).toBe(204);
  expect((await admin.send('DELETE', '/v1/secrets/old')).status).toBe(404);
});
