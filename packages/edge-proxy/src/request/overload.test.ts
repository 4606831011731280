import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { call, RawClient } from './testing/client.ts';
import { TestEdge } from './testing/edge.ts';
import { agree, webSocketRequest } from './testing/web-socket.ts';

const host = 'app.corp.test';

let edge: TestEdge;
let cookie: string;
beforeEach(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', host);
});
afterEach(() => edge.stop());

describe('while there is too much to do', () => {
  it('a request is turned away before anything is asked for it, and recorded', async () => {
    edge.sheds = true;
    // Whatever were asked of the state would be a failure of another kind.
    const release = edge.holdRows('revoke');
    const response = await call(edge, { cookie });
    release();
    expect([response.status, response.header('retry-after')]).toEqual([503, '5']);
    expect(JSON.parse(response.body)).toMatchObject({ code: 'overloaded' });
    expect(await edge.records.next()).toMatchObject({
      outcome: 'refused',
      reasons: ['overloaded'],
      status: 503,
      method: 'GET',
      host,
      path: '/',
      facts: null,
    });
    expect(edge.upstream.bytes).toBe('');
    edge.sheds = false;
    expect((await call(edge, { cookie })).status).toBe(200);
  });

  it('the connection stays: another handshake would cost more than the answer', async () => {
    const client = await RawClient.connect(edge, host, edge.laptop);
    const ask = async () => {
      client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n\r\n`);
      return (await client.response()).status;
    };
    edge.sheds = true;
    expect([await ask(), await ask()]).toEqual([503, 503]);
    edge.sheds = false;
    expect(await ask()).toBe(200);
    client.close();
  });

  it('what is no request is told so, and what is open goes on until it is revoked', async () => {
    edge.upstream.script = agree;
    const client = await RawClient.connect(edge, host, edge.laptop);
    client.send(webSocketRequest(cookie));
    expect((await client.response()).status).toBe(101);
    edge.sheds = true;
    expect((await call(edge, { method: 'TRACE' })).status).toBe(405);
    const block = { kind: 'user', subjectId: 'usr_alice', expiresAtMs: null } as const;
    await edge.apply('revoke', { op: 'block', revocationId: 'rev_1', ...block });
    expect(await client.until(/access was withdrawn/)).toContain('\x03\xf0');
    await client.closed();
  });
});
