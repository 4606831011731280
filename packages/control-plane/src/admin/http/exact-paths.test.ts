import { connect } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';

let admin: TestAdmin;
beforeAll(async () => {
  admin = await testAdmin();
});

/** Sends a request line as it is, which clients would tidy up, and gives the status. */
async function statusOf(
  target: string,
  method = 'GET',
  host = 'localhost',
  more: readonly string[] = [],
): Promise<number> {
  const { port, hostname } = new URL(admin.origin);
  const socket = connect({ port: Number(port), host: hostname, ca: admin.ca });
  const request = [
    `${method} ${target} HTTP/1.1`,
    `Host: ${host}`,
    `Authorization: Bearer ${admin.tokens.owner}`,
    ...more,
    'Connection: close',
    '',
    '',
  ];
  socket.write(request.join('\r\n'));
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
}

describe('a route is its exact path and nothing near it (abuse row 124)', () => {
  test('the path itself', async () => {
    expect(await statusOf('/v1/users')).toBe(200);
  });

  test.each([
    '/v1/usersx',
    '/v1/user',
    '/v1/users/',
    '/v1//users',
    '//v1/users',
    '/V1/users',
    '/v1/Users',
    '/v1/./users',
    '/v1/x/../users',
    '/v1/%75sers',
    '/v1%2fusers',
    '/v1/users%20',
    '/v1/users;x=1',
    '/v1/users%00',
    '/v1/config%3Aapply',
    '/v1/configXapply',
    '/v1/edges:join-token',
    '/v1/config/versions/01',
    '/v1/config/versions/1e1',
    '/v1/config/versions/0',
    '/v1/config/versions/99999999999999999999',
    `/v1/users/usr_${'0'.repeat(25)}`,
    `/v1/users/usr_${'0'.repeat(26)}x`,
    `/v1/users/dev_${'0'.repeat(26)}`,
    '/v1/users/usr_%30000000000000000000000000',
  ])('%s is not one', async (target) => {
    expect([404, 405]).toContain(await statusOf(target));
  });

  test('a path that is there does not take another method', async () => {
    const answer = await admin.send('PUT', '/v1/users', { body: {} });
    expect(answer).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } });
    expect(answer.headers['allow']).toBe('GET, POST');
    expect(await statusOf('/v1/users', 'TRACE')).toBe(405);
    expect(await statusOf('/v1/users', 'OPTIONS')).toBe(405);
    expect(await statusOf('/v1/users', 'HEAD')).toBe(405);
  });
});

describe('what is for operators is not on this listener (abuse row 125)', () => {
  test.each([
    '/metrics',
    '/healthz',
    '/healthz?verbose',
    '/readyz',
    '/debug/pprof',
    '/debug',
    '/json/list',
    '/docs',
    '/documentation/json',
    '/',
  ])('%s is 404', async (target) => {
    expect(await statusOf(target)).toBe(404);
  });

  test('an error shows no stack, no version and no path of a file', async () => {
    const { body, headers } = await admin.send('GET', '/nowhere');
    expect(headers['content-type']).toBe('application/problem+json');
    expect(headers['sallyport-request-id']).toBe(body.correlationId);
    expect(Object.keys(headers)).not.toContain('x-powered-by');
    expect(Object.keys(headers)).not.toContain('server');
    expect(JSON.stringify(body)).not.toMatch(/fastify|node|\.ts|\bat /i);
  });
});

test('a Host that is not a name in the certificate is refused', async () => {
  const { port } = new URL(admin.origin);
  for (const host of ['localhost', `localhost:${port}`, '127.0.0.1', 'LOCALHOST:1']) {
    expect([host, await statusOf('/v1/users', 'GET', host)]).toEqual([host, 200]);
  }
  for (const host of [
    'evil.test',
    '127.0.0.2',
    'localhost, evil.test',
    'a@localhost',
    '[::1]',
    '',
  ]) {
    expect([host, await statusOf('/v1/users', 'GET', host)]).toEqual([host, 400]);
  }
});

test('a header that may stand once stands once, and a hundred of them are enough', async () => {
  const send = (more: readonly string[]) => statusOf('/v1/users', 'GET', 'localhost', more);
  expect(await send(['Accept: */*', 'Accept: text/html'])).toBe(200);
  for (const line of ['Host: localhost', 'Authorization: Bearer x', 'Origin: https://evil.test']) {
    expect([line, await send([line, line.toUpperCase()])]).toEqual([line, 400]);
  }
  expect(await send(Array.from({ length: 101 }, (_, index) => `X-${index}: 1`))).toBe(400);
});

test('a client that does not speak HTTP is closed, and the next one is served', async () => {
  const { port, hostname } = new URL(admin.origin);
  const socket = connect({ port: Number(port), host: hostname, ca: admin.ca });
  socket.write('\0\0\0nonsense\r\n\r\n');
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(await statusOf('/v1/users')).toBe(200);
});

test('TLS below 1.3 is not spoken', async () => {
  const { port, hostname } = new URL(admin.origin);
  const socket = connect({
    port: Number(port),
    host: hostname,
    ca: admin.ca,
    maxVersion: 'TLSv1.2',
  });
  const error = await new Promise<Error & { code?: string }>((resolve) => {
    socket.once('error', resolve);
  });
  expect(error.code).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
});
