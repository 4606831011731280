import { afterEach, expect, test } from 'vitest';
import type { Instant } from './instants.ts';
import { makeHome, openDisk, readDisk, sampleNow, writeSample } from './testing/sample-disk.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const hourMs = 3_600_000;
const bootMs = sampleNow.boot?.ms ?? 0;
const thisBoot = sampleNow.boot?.id ?? '';

/** The sample is as of 45 s before it was written; what an edge makes of that at another moment. */
async function ageAt(now: Instant): Promise<number | null> {
  const { remove, ...options } = await makeHome();
  cleanups.push(remove);
  const written = await openDisk(options);
  await writeSample(written);
  await written.disk.close();
  const { asOfMs } = readDisk({ ...options, instants: () => now }).lanes.revoke;
  return asOfMs === null ? null : now.wallMs - asOfMs;
}

test('a wall clock that is set back before a restart makes the state on disk no younger', async () => {
  const boot = { id: thisBoot, ms: bootMs + hourMs };
  expect(await ageAt({ wallMs: sampleNow.wallMs, boot })).toBe(hourMs + 45_000);
  expect(await ageAt({ wallMs: 1_000, boot })).toBe(hourMs + 45_000);
});

test('after a reboot the state on disk is as old as the wall clock says, or as can be', async () => {
  const boot = { id: 'cd'.repeat(16), ms: 5_000 };
  expect(await ageAt({ wallMs: sampleNow.wallMs + hourMs, boot })).toBe(hourMs + 45_000);
  expect(await ageAt({ wallMs: 4_000, boot })).toBeNull();
});
