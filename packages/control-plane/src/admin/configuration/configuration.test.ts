import { createHash } from 'node:crypto';
import { decodeBundle } from '@sallyport/shared/configuration/bundle';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { beforeAll, describe, expect, test } from 'vitest';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';
import { loggedOps, newestOps } from '../../testing/log-ops.ts';

const apiVersion = 'sallyport.dev/v1';

const provider = {
  apiVersion,
  kind: 'IdentityProvider',
  metadata: { name: 'corp' },
  spec: { issuer: 'https://idp.corp.test', clientId: 'sallyport', clientSecret: 'corp-secret' },
} as const;
const settings = {
  apiVersion,
  kind: 'Settings',
  metadata: { name: 'default' },
  spec: { signIn: { host: 'signin.corp.test', identityProvider: 'corp' } },
} as const;
const policy = {
  apiVersion,
  kind: 'Policy',
  metadata: { name: 'staff' },
  spec: { allow: [{ name: 'employees', groups: ['employees'] }] },
} as const;
const route = (name: string, policies: string[] = ['staff']) => ({
  apiVersion,
  kind: 'Route',
  metadata: { name },
  spec: {
    match: [{ host: `${name}.corp.test` }],
    policies,
    upstream: { url: `https://${name}.internal.corp.test` },
  },
});
const base = [provider, settings, policy];

let admin: TestAdmin;
beforeAll(async () => {
  admin = await testAdmin();
  await admin.send('PUT', '/v1/secrets/corp-secret', { body: { value: 'the value' } });
});

const apply = (body: object) => admin.send('POST', '/v1/config:apply', { body });

async function liveNames(): Promise<string[]> {
  const { body } = await admin.send('GET', '/v1/config');
  return body.documents.map(
    ({ kind, metadata }: ConfigurationDocument) => `${kind}/${metadata.name}`,
  );
}

test('a set becomes version 1, whole, and goes out as a bundle and its release', async () => {
  const { status, body } = await apply({
    documents: [...base, route('wiki')],
    message: 'the first one',
  });
  expect(status).toBe(201);
  expect(body).toMatchObject({ version: 1, dryRun: false });
  expect(body.changed).toHaveLength(4);
  const [bundle, release, ...more] = await newestOps(admin.database, 'config');
  expect(more).toEqual([]);
  expect(release).toEqual({ op: 'release', ring: 'default', version: 1, shadowVersion: null });
  if (bundle?.op !== 'bundle') throw new Error('no bundle');
  const digest = createHash('sha256').update(bundle.documentsJson).digest();
  expect(Buffer.compare(digest, bundle.sha256)).toBe(0);
  const { documents } = decodeBundle(bundle.documentsJson);
  const builtIn = documents.find((document) => document.metadata.name === 'sallyport-devices');
  expect(builtIn).toMatchObject({
    kind: 'TrustBundle',
    spec: { use: ['device'], certificates: admin.context.deviceAuthority.certificatePem },
  });
  expect(documents).toHaveLength(5);
  // What we add is not what the user wrote.
  expect(await liveNames()).toEqual([
    'IdentityProvider/corp',
    'Policy/staff',
    'Route/wiki',
    'Settings/default',
  ]);
});

test('the same set again is no new version', async () => {
  const before = await loggedOps(admin.database, 'config');
  const { status, body } = await apply({ documents: [...base, route('wiki')] });
  expect(status).toBe(200);
  expect(body).toMatchObject({ version: 1, changed: [], position: null, dryRun: false });
  expect(await loggedOps(admin.database, 'config')).toHaveLength(before.length);
});

test('documents take their place in the live set, and old versions stay as they were', async () => {
  const { body } = await apply({ documents: [route('reports')] });
  expect(body).toMatchObject({
    version: 2,
    changed: [{ kind: 'Route', name: 'reports', change: 'created' }],
  });
  const { body: deleted } = await apply({ delete: [{ kind: 'Route', name: 'reports' }] });
  expect(deleted.changed).toEqual([{ kind: 'Route', name: 'reports', change: 'deleted' }]);
  const namesOf = async (version: number): Promise<string[]> => {
    const answer = await admin.send('GET', `/v1/config/versions/${version}`);
    return answer.body.documents
      .filter((document: ConfigurationDocument) => document.kind === 'Route')
      .map((document: ConfigurationDocument) => document.metadata.name);
  };
  expect(await namesOf(1)).toEqual(['wiki']);
  expect(await namesOf(2)).toEqual(['reports', 'wiki']);
  expect(await namesOf(3)).toEqual(['wiki']);
  expect((await admin.send('GET', '/v1/config/versions/99')).status).toBe(404);
  const { body: versions } = await admin.send('GET', '/v1/config/versions?limit=2');
  expect(versions.items.map((item: { version: number }) => item.version)).toEqual([3, 2]);
  const { body: rest } = await admin.send(
    'GET',
    `/v1/config/versions?cursor=${versions.nextCursor}`,
  );
  expect(rest.items).toMatchObject([{ version: 1, author: 'owner', message: 'the first one' }]);
});

test('prune drops what is not given', async () => {
  await apply({ documents: [route('extra')] });
  const { body } = await apply({ documents: [...base, route('wiki')], prune: true });
  expect(body.changed).toEqual([{ kind: 'Route', name: 'extra', change: 'deleted' }]);
});

test('a dry run says what would change and changes nothing', async () => {
  const before = await loggedOps(admin.database, 'config');
  const { status, body } = await apply({ documents: [route('dry')], dryRun: true });
  expect([status, body.dryRun, body.changed.length]).toEqual([200, true, 1]);
  expect(await liveNames()).not.toContain('Route/dry');
  expect(await loggedOps(admin.database, 'config')).toHaveLength(before.length);
});

test('YAML text is taken, and its problems are told with line and column', async () => {
  const yaml = `
apiVersion: ${apiVersion}
kind: Route
metadata: { name: yaml }
spec:
  match: [{ host: yaml.corp.test }]
  policies: [staff]
  upstream: { url: https://yaml.internal.corp.test }
`;
  expect((await apply({ yaml })).status).toBe(201);
  const { status, body } = await apply({ yaml: `${yaml}  colour: blue\n` });
  expect([status, body.code]).toEqual([422, 'invalid_configuration']);
  expect(body.errors[0].field).toMatch(/^yaml:9:\d+ \/spec\/colour$/);
  const broken = await apply({ yaml: 'a: [1\nb: 2' });
  expect(broken.status).toBe(422);
  expect(broken.body.errors[0].field).toMatch(/^yaml:\d+:\d+/);
});

describe('a set that does not hold is refused whole', () => {
  const cases: readonly (readonly [string, object, number, string])[] = [
    ['nothing', {}, 400, '/documents'],
    ['both forms', { documents: [], yaml: '' }, 422, '/yaml'],
    ['an unknown kind', { documents: [{ ...policy, kind: 'Polisi' }] }, 400, '/documents/0'],
    [
      'an unknown field',
      { documents: [{ ...policy, spec: { allow: [], denied: [] } }] },
      400,
      '/documents/0/spec/denied',
    ],
    [
      'a policy that is not there',
      { documents: [route('x', ['none'])] },
      422,
      'Route/x /spec/policies/0',
    ],
    [
      'a secret that is not there',
      { documents: [{ ...provider, spec: { ...provider.spec, clientSecret: 'missing' } }] },
      422,
      'IdentityProvider/corp /spec/clientSecret',
    ],
    ['a document twice', { documents: [route('x'), route('x')] }, 422, 'Route/x'],
    ['a deletion of nothing', { delete: [{ kind: 'Route', name: 'none' }] }, 422, '/delete/0'],
    [
      'a deletion of what is needed',
      { delete: [{ kind: 'Policy', name: 'staff' }] },
      422,
      'Route/wiki /spec/policies/0',
    ],
    ['no settings', { documents: [policy], prune: true }, 422, 'Settings/default'],
    [
      'a name of ours',
      {
        documents: [
          {
            apiVersion,
            kind: 'TrustBundle',
            metadata: { name: 'sallyport-devices' },
            spec: { use: ['device'], certificates: 'x' },
          },
        ],
      },
      422,
      'TrustBundle/sallyport-devices',
    ],
    [
      'an upstream on the machine itself (abuse row 127)',
      {
        documents: [
          {
            ...route('x'),
            spec: { ...route('x').spec, upstream: { url: 'https://127.0.0.1:8443' } },
          },
        ],
      },
      422,
      'Route/x /spec/upstream/url',
    ],
    [
      'an upstream that hands out credentials (abuse row 127)',
      {
        documents: [
          {
            ...route('x'),
            spec: { ...route('x').spec, upstream: { url: 'https://169.254.169.254' } },
          },
        ],
      },
      422,
      'Route/x /spec/upstream/url',
    ],
  ];
  test.each(cases)('%s', async (_name, request, status, field) => {
    const before = await admin.send('GET', '/v1/config');
    const answer = await apply(request);
    expect(answer.status).toBe(status);
    const fields = answer.body.errors.map((error: { field: string }) => error.field);
    expect(fields).toContain(field);
    expect((await admin.send('GET', '/v1/config')).body).toEqual(before.body);
  });

  test('all problems are told together', async () => {
    const { body } = await apply({ documents: [route('x', ['none']), route('y', ['nil'])] });
    expect(body.errors.length).toBeGreaterThanOrEqual(2);
  });
});

test('appliers at the same time take turns, and versions have no gap', async () => {
  const { body: before } = await admin.send('GET', '/v1/config');
  const answers = await Promise.all(
    Array.from({ length: 5 }, (_, index) => apply({ documents: [route(`at-once-${index}`)] })),
  );
  const versions = answers.map((answer) => answer.body.version as number).sort((a, b) => a - b);
  expect(versions).toEqual([1, 2, 3, 4, 5].map((step) => before.version + step));
  const names = await liveNames();
  for (let index = 0; index < 5; index += 1) expect(names).toContain(`Route/at-once-${index}`);
});

test('a secret that the live set names is not deleted', async () => {
  expect((await admin.send('DELETE', '/v1/secrets/corp-secret')).status).toBe(409);
});
