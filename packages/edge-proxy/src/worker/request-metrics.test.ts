import { AggregatorRegistry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { call, RawClient } from '../request/testing/client.ts';
import { Http2Client } from '../request/testing/client-h2.ts';
import { TestEdge } from '../request/testing/edge.ts';
import { FrameClient, requestFields, types } from '../request/testing/frames.ts';
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

  it('tell what is open of HTTP/2, how it ended, and what there was too much of', async () => {
    const ended = (reason: string) =>
      figure(`sallyport_edge_http2_sessions_ended_total{reason="${reason}"}`);
    edge.upstream.script = () => null;
    const client = await Http2Client.connect(edge);
    const slow = client.ask({ cookie, path: '/slow' });
    await expect.poll(() => edge.upstream.bytes).toContain('/slow');
    expect(await figure('sallyport_edge_http2_sessions')).toBe(1);
    expect(await figure('sallyport_edge_http2_streams')).toBe(1);
    client.close();
    await slow;
    await expect.poll(() => ended('client')).toBe(1);
    expect(await figure('sallyport_edge_http2_sessions')).toBe(0);
    const raw = await FrameClient.connect(edge);
    for (let count = 0; count < 40; count += 1) raw.send(types.settings, 0, 0);
    await raw.closed();
    await expect.poll(() => ended('flood')).toBe(1);
    expect(await figure('sallyport_edge_http2_floods_total{frame="settings"}')).toBe(1);
    expect(await ended('idle')).toBe(0);
    const broken = await FrameClient.connect(edge);
    broken.send(types.data, 0, 1);
    await broken.closed();
    await expect.poll(() => ended('broken')).toBe(1);
    const refused = await FrameClient.connect(edge);
    refused.ask(1, requestFields(edge, cookie, { ':path': '/a//b' }));
    const { payload } = await refused.first(types.ping, 0);
    refused.send(types.ping, 0x1, 0, payload);
    await refused.closed();
    await expect.poll(() => ended('refused')).toBe(1);
  });
});
