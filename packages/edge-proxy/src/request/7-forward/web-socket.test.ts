import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawClient, type RawResponse } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';
import { ok, type RecordedConnection } from '../testing/recorder.ts';
import { agree, handshake } from '../testing/web-socket.ts';

let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
  edge.upstream.script = agree;
});

async function ask(
  lines: readonly string[],
  more: { readonly line?: string; readonly signedIn?: boolean; readonly behind?: string } = {},
): Promise<{ client: RawClient; response: RawResponse }> {
  const { line = 'GET /chat HTTP/1.1', signedIn = true, behind = '' } = more;
  const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
  const all = [line, 'Host: app.corp.test', ...(signedIn ? [`Cookie: ${cookie}`] : []), ...lines];
  client.send(`${all.join('\r\n')}\r\n\r\n${behind}`);
  return { client, response: await client.response() };
}

async function open(): Promise<{ client: RawClient; upstream: RecordedConnection }> {
  const { client, response } = await ask(handshake);
  expect(response.status).toBe(101);
  const upstream = edge.upstream.connections.findLast(({ bytes }) => bytes.includes('/chat'));
  if (upstream === undefined) throw new Error('no connection to the upstream');
  return { client, upstream };
}

async function record() {
  await expect.poll(() => edge.records.all.length).toBe(1);
  return edge.records.all[0];
}

describe('a WebSocket', () => {
  it('is joined after the upstream has agreed, and carries bytes both ways', async () => {
    const { client, upstream } = await open();
    expect(upstream.bytes).toMatch(/^Sallyport-Assertion: /m);
    expect(upstream.bytes).not.toContain('__Host-sallyport');
    upstream.socket.write('\x81\x02hi', 'latin1');
    await client.until(/\x81\x02hi/);
    client.send('\x81\x85abcdxxxxx');
    await upstream.until(/\x81\x85abcdxxxxx/);
    client.socket.end();
    await once(upstream.socket, 'close');
    expect(await record()).toMatchObject({
      outcome: 'permit',
      status: 101,
      ending: 'complete',
      bytesIn: 11,
      bytesOut: 4,
    });
    expect(edge.worker.openExchanges()).toBe(0);
  });

  it('keeps bytes that came right behind the handshake', async () => {
    const { client } = await ask(handshake, { behind: '\x81\x80mask' });
    const upstream = edge.upstream.connections.findLast(({ bytes }) => bytes.includes('/chat'));
    await upstream?.until(/\r\n\r\n\x81\x80mask/);
    client.close();
  });

  it('ends when the upstream ends it', async () => {
    const { client, upstream } = await open();
    upstream.socket.end('\x88\x02\x03\xe8', 'latin1');
    await client.until(/\x88\x02\x03\xe8/);
    await client.closed();
    expect(await record()).toMatchObject({ ending: 'complete', bytesOut: 4 });
  });

  it.each([
    ['no key', ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'], 400],
    ['a short key', [...handshake.slice(0, 2), 'Sec-WebSocket-Key: abc', handshake[3] ?? ''], 400],
    ['version 777', [...handshake.slice(0, 3), 'Sec-WebSocket-Version: 777'], 426],
    ['two Upgrade lines', [...handshake, 'Upgrade: h2c'], 400],
    [
      'a list of protocols',
      ['Connection: Upgrade', 'Upgrade: websocket, h2c', ...handshake.slice(2)],
      400,
    ],
    ['two keys', [...handshake, handshake[2] ?? ''], 400],
  ])('is refused with %s (row 49)', async (_name, lines, status) => {
    const { client, response } = await ask(lines);
    expect(response.status).toBe(status);
    await client.closed();
    expect(edge.upstream.bytes).toBe('');
    expect(await record()).toMatchObject({ outcome: 'refused', status });
  });

  it.each([
    ['by POST', 'POST /chat HTTP/1.1', ['Content-Length: 3'], 'abc'],
    ['by GET with a body', 'GET /chat HTTP/1.1', ['Content-Length: 3'], 'abc'],
    ['in absolute form', 'GET https://app.corp.test/chat HTTP/1.1', [], ''],
  ])('is refused %s (row 49)', async (_name, line, lines, behind) => {
    const { client, response } = await ask([...handshake, ...lines], { line, behind });
    expect(response.status).toBe(400);
    await client.closed();
    expect(edge.upstream.bytes).toBe('');
  });

  it.each([
    ['is still to come', 'Content-Length: 3', ''],
    ['is coming', 'Content-Length: 3', 'ab'],
    ['is coming in chunks', 'Transfer-Encoding: chunked', '1\r\na\r\n'],
  ])('is refused with a body that %s (row 49)', async (_name, line, behind) => {
    const { client, response } = await ask([...handshake, line], { behind });
    expect(response.status).toBe(400);
    await client.closed();
    expect(edge.upstream.bytes).toBe('');
    const reasons = ['upgrade_invalid'];
    expect(await record()).toMatchObject({ outcome: 'refused', reasons, status: 400 });
  });

  it('is decided on like any request', async () => {
    const { client, response } = await ask(handshake, { signedIn: false });
    expect(response.status).toBe(401);
    await client.closed();
    expect(edge.upstream.bytes).toBe('');
    expect(await record()).toMatchObject({ outcome: 'sign_in' });
  });

  it('is refused to pages of other sites, unless the route lists them (row 96)', async () => {
    for (const [origin, status] of [
      ['https://evil.test', 403],
      ['https://app.corp.test.evil.test', 403],
      ['http://app.corp.test', 403],
      ['null', 403],
      ['https://app.corp.test', 101],
      ['https://partner.corp.test', 101],
    ] as const) {
      edge.upstream.forget();
      edge.records.all.length = 0;
      const { client, response } = await ask([...handshake, `Origin: ${origin}`]);
      expect([origin, response.status]).toEqual([origin, status]);
      client.close();
      const reason = status === 403 ? 'origin_refused' : 'rule_allowed';
      expect((await record())?.reasons[0]).toBe(reason);
      if (status === 403) expect(edge.upstream.bytes).toBe('');
    }
  });

  it('passes a refusal of the upstream on and closes, so that nothing is smuggled behind it (M16)', async () => {
    edge.upstream.script = ok;
    const { client, response } = await ask(handshake, {
      behind: 'GET /admin HTTP/1.1\r\nHost: app.corp.test\r\nSallyport-Assertion: forged\r\n\r\n',
    });
    expect([response.status, response.body]).toEqual([200, 'hello']);
    await client.closed();
    expect(edge.upstream.bytes).not.toContain('/admin');
  });

  it.each([
    ['with another key', (): string => agree('sec-websocket-key: other', undefined as never) ?? ''],
    [
      'to another protocol',
      (): string =>
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n',
    ],
    ['without saying to what', (): string => 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ])('is not joined to an upstream that agrees %s', async (_name, script) => {
    edge.upstream.script = script;
    const { client, response } = await ask(handshake);
    expect(response.status).toBe(502);
    await client.closed();
  });

  it('is cut with code 1008 when its user is revoked', async () => {
    const { client, upstream } = await open();
    await edge.apply('revoke', {
      op: 'block',
      revocationId: 'rev_ws',
      kind: 'user',
      subjectId: 'usr_alice',
      expiresAtMs: null,
    });
    // A close frame, and then the end.
    const frame = await client.until(/\x88.access? ?/s).catch(() => client.received);
    expect(frame).toMatch(/\x88/);
    await client.closed();
    if (!upstream.socket.closed) await once(upstream.socket, 'close');
    expect(await record()).toMatchObject({ status: 101, ending: 'revoked' });
    expect(edge.worker.openExchanges()).toBe(0);
    await edge.apply('revoke', {
      op: 'lifted_block',
      revocationId: 'rev_ws',
      kind: 'user',
      subjectId: 'usr_alice',
    });
  });

  it('is cut with code 1013 when nobody can say any more whether it may go on', async () => {
    const { client } = await open();
    edge.hear('revoke', 3_600_000);
    edge.clock.offsetMs = 130_000;
    await client.closed();
    const close = Buffer.from(client.received, 'latin1').subarray(-46);
    expect(close.toString('latin1')).toMatch(
      /\x88.\x03\xf5this gateway has had no news for too long$/s,
    );
    expect(await record()).toMatchObject({ status: 101, ending: 'expired' });
    edge.clock.offsetMs = 0;
    edge.hear('revoke');
  });

  it('is cut without a frame in the middle of one', async () => {
    const { client, upstream } = await open();
    upstream.socket.write('\x81\x7e\x01\x00half', 'latin1');
    await client.until(/half/);
    await edge.apply('revoke', { op: 'generation', scope: 'global', subjectId: '', value: 1 });
    await client.closed();
    expect(client.received).toBe('');
    expect(await record()).toMatchObject({ ending: 'revoked' });
  });
});
