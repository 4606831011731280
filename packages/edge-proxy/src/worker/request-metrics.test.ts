import { AggregatorRegistry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { call, RawClient } from '../request/testing/client.ts';
import { TestEdge } from '../request/testing/edge.ts';
import { agree, webSocketRequest } from '../request/testing/web-socket.ts';

let edge: TestEdge;
let cookie: string;
beforeEach(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
});
afterEach(() => edge.stop());

/** As the main thread says it, of two workers that have counted the same. */
async function figure(name: string): Promise<number | undefined> {
  const own = await edge.metrics.registry.getMetricsAsJSON();
  const text = await AggregatorRegistry.aggregate([own, own]).metrics();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1)) / 2;
}

const stage = (name: string) => figure(`sallyport_edge_stage_seconds_count{stage="${name}"}`);

describe('the metrics of requests', () => {
  it('tell how long each stage took that an exchange went through, and what it carried', async () => {
    expect((await call(edge, { cookie, method: 'POST', body: 'abc' })).status).toBe(200);
    expect((await call(edge, { device: edge.stranger })).status).toBe(403);
    expect((await call(edge, { path: '/a//b' })).status).toBe(400);
    await expect.poll(() => edge.worker.openExchanges()).toBe(0);
    expect([await stage('gate'), await stage('session'), await stage('decide')]).toEqual([3, 2, 2]);
    expect([await stage('assert'), await stage('upstream'), await stage('total')]).toEqual([
      1, 1, 3,
    ]);
    expect(await figure('sallyport_edge_bytes_total{direction="in"}')).toBe(3);
    expect(await figure('sallyport_edge_bytes_total{direction="out"}')).toBeGreaterThan(5);
    expect(await figure('sallyport_edge_exchanges_total{protocol="h1"}')).toBe(3);
    const permits = 'sallyport_edge_requests_total{outcome="permit",reason="rule_allowed"}';
    expect(await figure(permits)).toBe(1);
    expect(await figure('sallyport_edge_decision_seconds_count')).toBe(2);
  });

  it('leave tunnels out of the times in all: they take as long as somebody looks at them', async () => {
    edge.upstream.script = agree;
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send(webSocketRequest(cookie));
    expect((await client.response()).status).toBe(101);
    client.close();
    await expect.poll(() => edge.worker.openExchanges()).toBe(0);
    expect([await stage('upstream'), await stage('total')]).toEqual([1, 0]);
    expect(await figure('sallyport_edge_exchanges_total{protocol="websocket"}')).toBe(1);
  });
});
