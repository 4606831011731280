import { once } from 'node:events';
import type { ClientHttp2Stream } from 'node:http2';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Http2Client, responseOf, type StreamCall } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import { ok, type RecordedConnection } from '../testing/recorder.ts';
import { agree } from '../testing/web-socket.ts';

let edge: TestEdge;
let cookie: string;
let client: Http2Client;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
  client = await Http2Client.connect(edge);
  // The settings of the edge must have come: RFC 8441, section 3.
  await once(client.session, 'remoteSettings');
});
afterAll(async () => {
  client.close();
  await edge.stop();
});
beforeEach(async () => {
  await edge.settle();
  edge.upstream.script = agree;
});

const version = 'sec-websocket-version: 13';

function connect(more: StreamCall = {}): ClientHttp2Stream {
  return client.open({
    cookie,
    method: 'CONNECT',
    path: '/chat',
    headers: [version],
    ...more,
    pseudo: { ':protocol': 'websocket', ...more.pseudo },
  });
}

async function open(): Promise<{ stream: ClientHttp2Stream; upstream: RecordedConnection }> {
  const stream = connect();
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  expect(headers[':status']).toBe(200);
  expect(headers['sec-websocket-accept']).toBeUndefined();
  const upstream = edge.upstream.connections.findLast(({ bytes }) => bytes.includes('/chat'));
  if (upstream === undefined) throw new Error('no connection to the upstream');
  return { stream, upstream };
}

async function record() {
  await expect.poll(() => edge.records.all.length).toBe(1);
  return edge.records.all[0];
}

describe('a WebSocket over HTTP/2 (RFC 8441)', () => {
  it('is decided on and asked of the upstream as over HTTP/1.1, and carries bytes both ways', async () => {
    const { stream, upstream } = await open();
    expect(upstream.bytes).toMatch(/^GET \/chat HTTP\/1\.1\r$/m);
    expect(upstream.bytes).toMatch(/^upgrade: websocket\r$/im);
    expect(upstream.bytes).toMatch(/^sec-websocket-version: 13\r$/m);
    expect(upstream.bytes.match(/^sec-websocket-key: [A-Za-z0-9+/]{22}==\r$/gm)?.length).toBe(1);
    expect(upstream.bytes.match(/^Sallyport-Assertion:/gm)?.length).toBe(1);
    expect(upstream.bytes).not.toContain('__Host-sallyport');
    upstream.socket.write('\x81\x02hi', 'latin1');
    expect(((await once(stream, 'data'))[0] as Buffer).toString('latin1')).toBe('\x81\x02hi');
    stream.write(Buffer.from('\x81\x85abcdxxxxx', 'latin1'));
    await upstream.until(/\x81\x85abcdxxxxx/);
    stream.end();
    if (!upstream.socket.closed) await once(upstream.socket, 'close');
    expect(await record()).toMatchObject({
      outcome: 'permit',
      method: 'GET',
      ending: 'complete',
      bytesIn: 11,
      bytesOut: 4,
    });
    // Others of the connection go on.
    expect((await client.ask({ path: '/denied' })).status).toBe(401);
  });

  it('ends when the upstream ends it', async () => {
    const { stream, upstream } = await open();
    upstream.socket.end('\x88\x02\x03\xe8', 'latin1');
    const [frame] = (await once(stream, 'data')) as [Buffer];
    expect(frame.toString('latin1')).toBe('\x88\x02\x03\xe8');
    stream.end();
    stream.resume();
    await once(stream, 'close');
    expect(await record()).toMatchObject({ ending: 'complete', bytesOut: 4 });
  });

  it.each([
    ['another protocol', { pseudo: { ':protocol': 'connect-udp' } }, 405],
    ['another version', { headers: ['sec-websocket-version: 777'] }, 426],
    ['no version', { headers: [] }, 426],
    ['a key of its own', { headers: [version, 'sec-websocket-key: dGhlIHNhbXBsZQ=='] }, 400],
    ['a page of another site behind it', { headers: [version, 'origin: https://evil.test'] }, 403],
  ] as const)('is refused with %s (rows 49, 96)', async (_name, more, status) => {
    const other = await Http2Client.connect(edge);
    await once(other.session, 'remoteSettings');
    const stream = other.open({
      cookie,
      method: 'CONNECT',
      path: '/chat',
      headers: [version],
      ...more,
      pseudo: { ':protocol': 'websocket', ...('pseudo' in more ? more.pseudo : {}) },
    });
    const response = await responseOf(stream);
    other.close();
    expect([response.status, response.rstCode]).toEqual([status, 0]);
    expect(edge.upstream.bytes).toBe('');
    expect(await record()).toMatchObject({ outcome: 'refused', status });
  });

  it('is decided on like any request', async () => {
    const response = await responseOf(connect({ cookie: '' }));
    expect(response.status).toBe(401);
    expect(await record()).toMatchObject({ outcome: 'sign_in' });
    expect(edge.upstream.bytes).toBe('');
  });

  it('is never opened by an upstream that answers instead of agreeing (M16)', async () => {
    edge.upstream.script = ok;
    const stream = connect();
    stream.write('GET /admin HTTP/1.1\r\nHost: app.corp.test\r\n\r\n');
    const response = await responseOf(stream);
    expect([response.status, response.rstCode]).toEqual([502, 0]);
    expect(edge.upstream.bytes).not.toContain('/admin');
    edge.upstream.script = () => 'HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno';
    const refused = await responseOf(connect());
    expect([refused.status, refused.body]).toEqual([404, 'no']);
  });

  it('is cut with code 1008 when its user is revoked', async () => {
    const { stream, upstream } = await open();
    const closed = responseOf(stream);
    stream.once('end', () => stream.end());
    await edge.apply('revoke', {
      op: 'block',
      revocationId: 'rev_ws',
      kind: 'user',
      subjectId: 'usr_alice',
      expiresAtMs: null,
    });
    expect((await closed).body).toMatch(/^\x88.\x03\xf0access was withdrawn$/s);
    if (!upstream.socket.closed) await once(upstream.socket, 'close');
    expect(await record()).toMatchObject({ ending: 'revoked' });
    expect(edge.worker.openExchanges()).toBe(0);
    await edge.apply('revoke', {
      op: 'lifted_block',
      revocationId: 'rev_ws',
      kind: 'user',
      subjectId: 'usr_alice',
    });
  });

  it.each(['the stream', 'the connection'])(
    'holds nothing at the upstream where %s has gone before it agreed',
    async (what) => {
      let head = '';
      edge.upstream.script = (sent) => {
        head = sent;
        return null;
      };
      const other = await Http2Client.connect(edge);
      await once(other.session, 'remoteSettings');
      const stream = other.open({
        cookie,
        method: 'CONNECT',
        path: '/chat',
        headers: [version],
        pseudo: { ':protocol': 'websocket' },
      });
      await expect.poll(() => head).toContain('/chat');
      const upstream = edge.upstream.connections.findLast(({ bytes }) => bytes.includes('/chat'));
      if (upstream === undefined) throw new Error('no connection to the upstream');
      // It agrees in the moment in which the client goes.
      upstream.socket.write(agree(head, upstream) ?? '');
      if (what === 'the stream') stream.close(8);
      else other.socket.destroy();
      if (!upstream.socket.closed) await once(upstream.socket, 'close');
      other.close();
      await expect.poll(() => edge.worker.openExchanges()).toBe(0);
      expect((await record())?.outcome).toBe('permit');
    },
  );
});
