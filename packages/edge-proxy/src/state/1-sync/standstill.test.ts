import { afterEach, beforeEach, expect, it } from 'vitest';
import { at, bringUp, streamAfter } from '../../testing/brought-up.ts';
import { type EdgeUnderTest, startEdgeUnderTest } from '../../testing/edge-under-test.ts';
import { ScriptedControlPlane } from '../../testing/scripted-control-plane.ts';

const hourMs = 3_600_000;
let plane: ScriptedControlPlane;
let edge: EdgeUnderTest;

beforeEach(async () => {
  plane = await ScriptedControlPlane.start({ demandsCertificates: true });
});
afterEach(async () => {
  await edge.stop();
  plane.close();
});

it('an edge whose monotonic clock stood still for an hour has a state an hour old, until a new stream', async () => {
  let missedMs = 0;
  edge = await startEdgeUnderTest([plane], { clock: () => Date.now() + missedMs });
  const { revoke } = await bringUp(plane, edge);
  const ageMs = () => edge.tables.ages.ageMs('revoke');
  await expect.poll(ageMs, { timeout: 10_000 }).toBeLessThan(5_000);
  missedMs = hourMs;
  await expect.poll(ageMs, { timeout: 10_000, interval: 20 }).toBeGreaterThanOrEqual(hourMs);
  // Of this control plane's clock nothing was missed: what it goes on to send seems old.
  expect(await edge.alarms.next(([lane]) => lane === 'revoke')).toEqual(['revoke', 'late']);
  expect(ageMs()).toBeGreaterThanOrEqual(hourMs);
  const again = await streamAfter(plane, revoke);
  again.resume('revoke', 'tail', at(10));
  await expect.poll(ageMs, { timeout: 10_000 }).toBeLessThan(5_000);
});
