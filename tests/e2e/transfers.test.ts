import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AdminApi } from '@sallyport/stack';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { html, openAdmin, pageOn, userOf } from '../support/cast.ts';
import { Curl, curlIsThere } from '../support/curl.ts';
import { recordOf, recordWhere } from '../support/records.ts';
import { openSession, type Session } from '../support/sessions.ts';

const stack = inject('stack');
const size = 300_000;
const at = (path: string, host = stack.hosts.wiki): URL => pageOn(stack, path, { host });
/** As the demo application makes them. */
const fileBytes = (from: number, end: number): Buffer =>
  Buffer.from(Array.from({ length: end - from }, (_, index) => (from + index) % 251));
const accept = ['--header', `Accept: ${html.accept}`];

let api: AdminApi;
let session: Session;
let curl: Curl;
beforeAll(async () => {
  if (!curlIsThere) return;
  api = await openAdmin(stack);
  session = await openSession(stack, userOf(stack, 'alice'));
  curl = await Curl.open(stack, session);
});
afterAll(async () => {
  await curl?.close();
  await api?.close();
});

describe.skipIf(!curlIsThere).each([
  ['--http1.1', '1.1'],
  ['--http2', '2'],
] as const)('curl %s', (option, version) => {
  const mine = () => ({ userEmail: session.user.email, outcome: 'permit', ending: 'complete' });

  it('sends bodies, with a length and without one, and they come whole', async () => {
    const bytes = randomBytes(size);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const file = await curl.file(bytes);
    for (const more of [
      ['--request', 'POST', '--upload-file', file],
      ['--upload-file', file, '--header', 'Transfer-Encoding: chunked'],
      ['--data-binary', `@${file}`, '--header', 'Expect: 100-continue', '--verbose'],
    ]) {
      // Over HTTP/2 there are no codings of transfer.
      if (version === '2' && more.includes('Transfer-Encoding: chunked')) continue;
      const answer = await curl.ask(at('/upload'), option, ...more);
      expect([answer.status, answer.version]).toEqual([200, version]);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ bytes: size, sha256 });
      if (more.includes('--verbose')) expect(answer.said).toMatch(/^< HTTP\/[12.]+ 100/m);
      const record = await recordOf(api, answer.headers.get('sallyport-request-id'));
      expect(record).toMatchObject({ ...mine(), path: '/upload', bytesIn: size, status: 200 });
    }
  });

  it('fetches files, and ranges of them as they were asked for', async () => {
    const whole = await curl.ask(at(`/file?bytes=${size}`), option);
    expect([whole.status, whole.version]).toEqual([200, version]);
    expect(whole.body.equals(fileBytes(0, size))).toBe(true);
    const etag = whole.headers.get('etag') ?? '';
    const record = await recordOf(api, whole.headers.get('sallyport-request-id'));
    expect(record).toMatchObject({ ...mine(), path: '/file', bytesOut: size, status: 200 });
    for (const [range, from, end] of [
      ['1000-4999', 1_000, 5_000],
      ['-500', size - 500, size],
      ['299999-', 299_999, size],
    ] as const) {
      const more = ['--range', range, '--header', `If-Range: ${etag}`];
      const part = await curl.ask(at(`/file?bytes=${size}`), option, ...more);
      expect(part.status).toBe(206);
      expect(part.headers.get('content-range')).toBe(`bytes ${from}-${end - 1}/${size}`);
      expect(part.body.equals(fileBytes(from, end))).toBe(true);
      const told = await recordOf(api, part.headers.get('sallyport-request-id'));
      expect(told).toMatchObject({ ...mine(), status: 206, bytesOut: end - from });
    }
    const beyond = await curl.ask(at(`/file?bytes=${size}`), option, '--range', `${size}-`);
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${size}`]);
    const head = await curl.ask(at(`/file?bytes=${size}`), option, '--head');
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(size)]);
  });

  it('hears events as they happen, and goes when it likes', async () => {
    const following = curl.follow(at('/events'), option);
    let heard = '';
    following.stdout?.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
    });
    await expect.poll(() => heard).toContain('id: 2\nevent: tick\ndata: number 2\n\n');
    const id = /^sallyport-request-id: *(\S+)/im.exec(heard)?.[1];
    following.kill('SIGTERM');
    await once(following, 'close');
    const record = await recordOf(api, id);
    expect(record).toMatchObject({ outcome: 'permit', status: 200, ending: 'client_closed' });
  });

  it('is told why it may not go on, in the form that it asks for', async () => {
    const refusals = [
      [curl.without('--header'), '/', stack.hosts.wiki, [], 401, 'session_required'],
      [
        curl.without('--cert', '--key'),
        '/',
        stack.hosts.wiki,
        [],
        403,
        'device_certificate_missing',
      ],
      [
        curl,
        '/',
        stack.hosts.wiki,
        ['--header', `X: ${'y'.repeat(40_000)}`],
        431,
        'headers_too_large',
      ],
      [curl, '/', 'nobody.corp.localhost', [], 404, 'route_unknown'],
      [curl, '/a%2fb', stack.hosts.wiki, [], 400, 'path_ambiguous'],
      [curl, '/', stack.hosts.wiki, ['--request', 'TRACE'], 405, 'method_unsupported'],
    ] as const;
    for (const [client, path, host, more, status, code] of refusals) {
      const answer = await client.ask(at(path, host), option, ...more);
      const text = answer.body.toString();
      expect([answer.status, text]).toEqual([status, expect.stringContaining(code)]);
      const page = await client.ask(at(path, host), option, ...accept, ...more);
      if (status !== 401) expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    }
    const signIn = await curl.without('--header').ask(at('/'), option, ...accept);
    expect([signIn.status, signIn.headers.get('location')]).toEqual([302, expect.any(String)]);
  });
});

describe.skipIf(!curlIsThere)('curl', () => {
  it('has many requests under way at once, over as few connections as it likes', async () => {
    const many = Array.from({ length: 40 }, (_, index) => [
      ...['--output', '/dev/null'],
      at(`/many/${index}`).href,
    ]);
    const more = ['--parallel', '--write-out', '%{http_code} %{http_version} %{num_connects}\\n'];
    const { written } = await curl.ask(at('/many/last'), '--http2', ...more, ...many.flat());
    const lines = written.trim().split('\n');
    expect(lines).toHaveLength(41);
    expect(lines.filter((line) => !/^200 2 [01]$/.test(line))).toEqual([]);
    expect(lines.filter((line) => line.endsWith('1'))).toHaveLength(1);
    const records = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        recordWhere(api, `number ${index}`, ({ path }) => path === `/many/${index}`),
      ),
    );
    expect(records.filter(({ outcome, status }) => outcome !== 'permit' || status !== 200)).toEqual(
      [],
    );
  });
});
