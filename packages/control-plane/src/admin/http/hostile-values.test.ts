import { beforeAll, describe, expect, test } from 'vitest';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';

let admin: TestAdmin;
beforeAll(async () => {
  admin = await testAdmin();
});

const hostile = [
  `' or '1'='1`,
  `'; drop table users; --`,
  '%_%',
  String.raw`\'`,
  '$1',
  '{"a":1}',
  '../../etc/passwd',
  '\u202e\u0301',
  '😀'.repeat(50),
  '__proto__',
  'null',
];

/** Where a list takes a text. */
const queries = [
  '/v1/users?search=',
  '/v1/users?email=',
  '/v1/groups?name=',
  '/v1/groups?search=',
  '/v1/devices?search=',
  '/v1/sessions?user=',
  '/v1/revocations?id=',
  '/v1/decisions?user=',
  '/v1/decisions?route=',
  '/v1/decisions?host=',
  '/v1/edges?region=',
  '/v1/audit?resource=',
  '/v1/audit?actor=',
];

describe('values that mean something elsewhere mean nothing here (abuse row 126)', () => {
  test.each(queries)('%s takes any text as a text', async (query) => {
    for (const value of hostile) {
      const { status, body } = await admin.send('GET', query + encodeURIComponent(value));
      if (status === 200) expect([query, value, body.items]).toEqual([query, value, []]);
      else expect([query, value, status]).toEqual([query, value, 400]);
    }
  });

  test.each(queries)('%s refuses NUL, broken UTF-8 and repeats with 400', async (query) => {
    for (const value of [
      '%00',
      'a%00b',
      '%ff',
      '%c0%ae',
      '%ed%a0%80',
      '%',
      '%zz',
      '?',
      'a&search=b&search=c',
    ]) {
      const { status } = await admin.send('GET', query + value);
      expect([query, value, status]).toEqual([query, value, 400]);
    }
  });

  test('limits and cursors that are none are refused by name', async () => {
    const bad = ['0', '-1', '201', '1e2', '1.5', '01', ' 1', '9'.repeat(30), 'ten', ''];
    for (const limit of bad) {
      const { status, body } = await admin.send(
        'GET',
        `/v1/users?limit=${encodeURIComponent(limit)}`,
      );
      expect([limit, status, body.errors?.[0]?.field]).toEqual([limit, 400, '?limit']);
    }
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const cursors = [
      'x',
      encode(null),
      encode({}),
      encode(['users']),
      encode(['groups', 1, 'a']),
      encode(['users', '1', 'a']),
      encode(['users', 1e300, 'a']),
      encode(['users', 1.5, 'a']),
      encode(['users', 1, `a' or 1=1`]),
      encode(['users', 1, 'a\u0000']),
      encode(['users', 1, 'a', 'b']),
      `${encode(['users', 1, 'a'])}=`,
    ];
    for (const cursor of cursors) {
      const { status, body } = await admin.send('GET', `/v1/users?cursor=${cursor}`);
      expect([cursor, status, body.errors?.[0]?.field]).toEqual([cursor, 400, '?cursor']);
    }
  });

  test('a body with NUL, half a character, a huge number or a prototype is refused by name', async () => {
    const cases: readonly (readonly [string, string])[] = [
      ['{"displayName":"a\\u0000b"}', '/displayName'],
      ['{"displayName":"\\ud800"}', '/displayName'],
      ['{"displayName":{"__proto__":1}}', '/displayName/__proto__'],
      ['{"__proto__":{"email":"a@b"}}', '/__proto__'],
      ['{"groups":[99999999999999999999]}', '/groups/0'],
      ['{"groups":["a",1]}', '/groups/1'],
      ['{"constructor":{"prototype":{}}}', '/constructor'],
      ['{"email":["a@b"]}', '/email'],
      ['{"status":"Active"}', '/status'],
      ['{"a/b~c":1}', '/a~1b~0c'],
    ];
    for (const [raw, field] of cases) {
      const { status, body } = await admin.send('POST', '/v1/users', { raw });
      expect([raw, status, body.errors?.[0]?.field]).toEqual([raw, 400, field]);
    }
  });

  test('ten thousand ids in one request are refused and cost nothing', async () => {
    const groups = Array.from({ length: 10_000 }, (_, index) => `group-${index}`);
    const { status, body } = await admin.send('POST', '/v1/users', { body: { groups } });
    expect([status, body.errors[0].field]).toEqual([400, '/groups']);
  });

  test('texts with quotes and wildcards come back as they went in', async () => {
    for (const displayName of hostile) {
      const created = await admin.send('POST', '/v1/users', { body: { displayName } });
      expect([displayName, created.status]).toEqual([displayName, 201]);
      const found = await admin.send('GET', `/v1/users/${created.body.id}`);
      expect(found.body.displayName).toBe(displayName);
    }
  });
});

describe('bodies', () => {
  test('what is not JSON in UTF-8 is refused (abuse row 139)', async () => {
    const deep = `${'['.repeat(33)}${']'.repeat(33)}`;
    const deepest = '['.repeat(100_000);
    const cases: readonly (readonly [string | Buffer, number])[] = [
      ['', 400],
      ['{', 400],
      ['{"a":}', 400],
      ["{'a':1}", 400],
      ['[]', 400],
      ['null', 400],
      ['"text"', 400],
      [Buffer.from([0x7b, 0xff, 0x7d]), 400],
      [Buffer.from('\ufeff{}'), 400],
      [deep, 400],
      [deepest, 400],
      [`{"displayName":"${'x'.repeat(1_048_576)}"}`, 413],
    ];
    for (const [raw, expected] of cases) {
      const { status } = await admin.send('POST', '/v1/users', { raw });
      expect([String(raw).slice(0, 20), status]).toEqual([String(raw).slice(0, 20), expected]);
    }
    const brackets = await admin.send('POST', '/v1/users', {
      body: { displayName: '[{'.repeat(100) },
    });
    expect(brackets.status).toBe(201);
  });

  test('another media type is 415', async () => {
    const types = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json-patch+json',
      'text/json',
    ];
    for (const type of types) {
      const { status } = await admin.send('POST', '/v1/users', {
        raw: '{}',
        headers: { 'content-type': type },
      });
      expect([type, status]).toEqual([type, 415]);
    }
    const { status } = await admin.send('POST', '/v1/users', {
      raw: '{}',
      headers: { 'content-type': 'application/json; charset=utf-8' },
    });
    expect(status).toBe(201);
  });

  test('all that is wrong is told at once, and unknown fields are among it', async () => {
    const { body } = await admin.send('POST', '/v1/users', {
      body: { email: 1, status: 'no', admin: true },
    });
    const fields = body.errors.map((error: { field: string }) => error.field);
    expect(fields.sort()).toEqual(['/admin', '/email', '/status']);
  });
});

test('what is refused for its form is told which form there is', async () => {
  for (const [query, field, words] of [
    ['/v1/decisions?outcome=denied', '?outcome', 'must be one of permit, deny'],
    ['/v1/signals?state=closed', '?state', 'must be one of open, dismissed, expired'],
    ['/v1/signals?detector=travel', '?detector', 'impossible-travel'],
    ['/v1/decisions?edge=eu-1', '?edge', 'must be an id, edg_ and 26 characters'],
  ] as const) {
    const { status, body } = await admin.send('GET', query);
    expect([query, status, body.errors]).toEqual([
      query,
      400,
      [{ field, message: expect.stringContaining(words) }],
    ]);
  }
});
