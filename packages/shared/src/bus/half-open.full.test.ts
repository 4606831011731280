import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLog } from '../log.ts';
import { startTestNats, type TestNats } from '../testing/nats-server.ts';
import { type Bus, connectBus } from './bus.ts';

let nats: TestNats;
let bus: Bus;
beforeAll(async () => {
  nats = await startTestNats();
  const credentials = await nats.credentials('sallyport-edge');
  bus = connectBus({
    servers: [nats.url],
    credentials: () => credentials,
    name: 'test',
    log: createLog('error'),
  });
}, 30_000);
afterAll(async () => {
  await bus.close();
  await nats.close();
});

const slow = 90_000;

test(
  'a server that stops half-way is noticed by its silence, and used again when it goes on (fault F10)',
  async () => {
    await expect.poll(() => bus.connected(), { timeout: 20_000 }).toBe(true);
    nats.pause();
    const pausedAt = performance.now();
    await expect.poll(() => bus.connected(), { timeout: 30_000, interval: 20 }).toBe(false);
    const noticedMs = Math.round(performance.now() - pausedAt);
    // Attempts at a server that accepts and says nothing come and go meanwhile.
    await delay(8_000);
    expect(bus.connected()).toBe(false);
    nats.resume();
    const resumedAt = performance.now();
    await expect.poll(() => bus.connected(), { timeout: 30_000, interval: 20 }).toBe(true);
    const backMs = Math.round(performance.now() - resumedAt);
    process.stdout.write(`F10: noticed after ${noticedMs} ms, back after ${backMs} ms\n`);
  },
  slow,
);
