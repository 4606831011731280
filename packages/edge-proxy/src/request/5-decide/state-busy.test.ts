import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, RawClient } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';

const host = 'app.corp.test';

let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', host);
});
afterAll(() => edge.stop());

describe('while the state does not stand still to be read', () => {
  it.each(['directory', 'revoke'] as const)('nothing is permitted (%s)', async (lane) => {
    expect((await call(edge, { device: edge.laptop, cookie })).status).toBe(200);
    edge.upstream.forget();
    const release = edge.holdRows(lane);
    const response = await call(edge, { device: edge.laptop, cookie });
    expect([response.status, response.header('retry-after')]).toEqual([503, '5']);
    expect(JSON.parse(response.body)).toMatchObject({ code: 'state_busy' });
    expect(edge.upstream.bytes).toBe('');
    release();
    expect((await call(edge, { device: edge.laptop, cookie })).status).toBe(200);
  });

  it('what is under way and has to be decided again is ended', async () => {
    edge.upstream.script = () =>
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n';
    const client = await RawClient.connect(edge, host, edge.laptop);
    client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n\r\n`);
    await client.until(/part\r\n/);
    const release = edge.holdRows('revoke');
    await edge.worker.redecide({ subjects: null });
    release();
    await client.closed();
    expect(edge.worker.openExchanges()).toBe(0);
  });
});
