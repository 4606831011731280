import { busSubjects, connectBus } from '@sallyport/shared/bus/bus';
import { createAuthority } from '@sallyport/shared/pki/issue';
import { startTestNats, type TestNats } from '@sallyport/shared/testing/nats-server';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBus } from './bus.ts';
import { testLog } from './testing/database.ts';

const authority = await createAuthority({ name: 'edge CA', days: 1 });
let nats: TestNats;
const closing: { close(): Promise<void> }[] = [];
beforeAll(async () => {
  nats = await startTestNats(authority);
});
afterAll(async () => {
  for (const one of closing) await one.close();
  await nats.close();
});

test('a control plane issues itself a certificate with which it may speak, and edges hear it', async () => {
  const metrics = new Registry();
  const bus = await startBus({
    nats: { servers: [nats.url], ca: nats.ca, client: null },
    authority,
    replica: 'replica-1',
    metrics,
    clock: () => Date.now(),
    log: testLog,
  });
  const credentials = await nats.credentials('sallyport-edge');
  const edge = connectBus({
    servers: [nats.url],
    credentials: () => credentials,
    name: 'edge',
    log: testLog,
  });
  closing.push(bus, edge);
  const heard: string[] = [];
  edge.subscribe(busSubjects.all, (payload) => heard.push(Buffer.from(payload).toString()));
  await expect
    .poll(
      () => {
        bus.publish(busSubjects.heartbeat, Buffer.from('a heartbeat'));
        return heard;
      },
      { timeout: 10_000 },
    )
    .toContain('a heartbeat');
  expect(await metrics.metrics()).toContain('sallyport_bus_connected 1');
  await nats.kill();
  await expect
    .poll(() => metrics.metrics(), { timeout: 10_000 })
    .toContain('sallyport_bus_connected 0');
  expect(bus.publish(busSubjects.heartbeat, Buffer.from('lost'))).toBe(false);
});
