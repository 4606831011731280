import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestEdge } from '../../testing/edge.ts';
import { block, endHeaders, FrameClient, requestFields, types } from '../../testing/frames.ts';
import { withListener } from '../../testing/listener-settings.ts';
import { ok } from '../../testing/recorder.ts';

let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  const slowClients = { bodyIdle: '2s', bodyBytesPerSecond: 1_000, responseIdle: '2s' };
  await edge.apply('config', ...edge.configuration(withListener(edge, { slowClients })));
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
  edge.upstream.script = ok;
});

function post(raw: FrameClient, streamId: number, path: string): void {
  const fields = requestFields(edge, cookie, { ':method': 'POST', ':path': path });
  raw.send(types.headers, endHeaders, streamId, block(fields));
}

/** Sends again and again until the connection closes. */
function keepSending(raw: FrameClient, send: () => void): void {
  const timer = setInterval(send, 100);
  raw.socket.once('close', () => clearInterval(timer));
}

describe('a client of HTTP/2 that is slow (rows 134, 135)', () => {
  it('is refused where its bodies stand still or trickle, stream by stream', async () => {
    const raw = await FrameClient.connect(edge);
    post(raw, 1, '/stopped');
    raw.send(types.data, 0, 1, Buffer.from('half'));
    post(raw, 3, '/trickling');
    keepSending(raw, () => raw.send(types.data, 0, 3, Buffer.from('x')));
    for (const streamId of [1, 3]) {
      await raw.first(types.headers, streamId);
      await raw.first(types.reset, streamId);
    }
    raw.close();
    await expect.poll(() => edge.records.all.length).toBe(2);
    for (const record of edge.records.all) {
      expect(record).toMatchObject({ status: 408 });
      expect(record.reasons[0]).toBe('request_too_slow');
    }
  });

  it('is cut off where its windows let a response out byte by byte (CVE-2019-9511)', async () => {
    const large = 'z'.repeat(100_000);
    edge.upstream.script = () => `HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${large}`;
    const raw = await FrameClient.connect(edge);
    raw.send(types.settings, 0, 0, Buffer.of(0, 4, 0, 0, 0, 1));
    raw.ask(1, requestFields(edge, cookie, { ':path': '/large' }));
    keepSending(raw, () => raw.send(types.windowUpdate, 0, 1, Buffer.of(0, 0, 0, 1)));
    const { payload } = await raw.first(types.reset, 1);
    expect(payload.readUInt32BE(0)).toBe(2);
    raw.close();
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({ status: 200, ending: 'client_too_slow' });
  });
});
