import { beforeAll, expect, test } from 'vitest';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';
import { undocumented } from '../../testing/openapi.ts';

let admin: TestAdmin;
beforeAll(async () => {
  admin = await testAdmin();
});

test('the document is served to everyone, is OpenAPI 3.1 and has the paths as they are sent', async () => {
  const { status, body } = await admin.send('GET', '/openapi.json', { token: null });
  expect([status, body.openapi]).toEqual([200, '3.1.0']);
  expect(Object.keys(body.paths)).toEqual(
    expect.arrayContaining(['/v1/config:apply', '/v1/edges:join-token', '/v1/users/{id}']),
  );
});

test('the schemas of documents are those that validate them, by kind', async () => {
  const { body } = await admin.send('GET', '/openapi.json', { token: null });
  const apply = body.paths['/v1/config:apply'].post;
  const schema = apply.requestBody.content['application/json'].schema;
  const { discriminator, oneOf } = schema.properties.documents.items;
  expect(discriminator).toEqual({ propertyName: 'kind' });
  const kinds = oneOf.map(
    (one: { properties: { kind: { enum: string[] } } }) => one.properties.kind.enum[0],
  );
  expect(kinds).toEqual([
    'Route',
    'Policy',
    'IdentityProvider',
    'TrustBundle',
    'ServiceIdentity',
    'Settings',
  ]);
});

test('each operation tells its roles, and writes their idempotency key', async () => {
  const { body } = await admin.send('GET', '/openapi.json', { token: null });
  const { get, post } = body.paths['/v1/users'];
  expect(get['x-roles']).toEqual(['viewer', 'policy-admin', 'responder', 'owner']);
  expect(post['x-roles']).toEqual(['policy-admin', 'owner']);
  const names = post.parameters.map((parameter: { name: string }) => parameter.name);
  expect(names).toEqual(['idempotency-key']);
  expect(body.paths['/.well-known/sallyport/jwks.json'].get.security).toEqual([]);
});

test('an answer that is not as documented is noticed by these tests', async () => {
  const { openApi } = admin;
  expect(undocumented(openApi, 'GET', '/v1/users', 200, { items: [], nextCursor: null })).toEqual(
    [],
  );
  expect(undocumented(openApi, 'GET', '/v1/users', 200, { items: [{}] })).not.toEqual([]);
  expect(undocumented(openApi, 'GET', '/v1/users', 201, {})).not.toEqual([]);
});
