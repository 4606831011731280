import { createLog } from '@sallyport/shared/log';
import { lanes } from '@sallyport/shared/state/model';
import { expect, it } from 'vitest';
import { raiseEpoch } from '../store/epoch.ts';
import { startEdgeWorld, testActor } from '../testing/edge-world.ts';

it('a new epoch is a line in the log for each lane, and the start of a replica is none', async () => {
  const lines: string[] = [];
  const log = createLog('info', {}, (line) => lines.push(line));
  const { database, publisher, stop } = await startEdgeWorld({ log });
  const resets = (): string[] =>
    lines
      .map((line) => JSON.parse(line) as { readonly event: string; readonly lane: string })
      .flatMap(({ event, lane }) => (event === 'publish.lane_reset' ? [lane] : []));
  expect(resets()).toEqual([]);
  const order = { reason: 'test', actor: testActor, nowMs: Date.now() };
  const { epoch } = await raiseEpoch(database, order);
  const epochs = () => new Set([...publisher.receipts.heads().values()].map((head) => head.epoch));
  await expect.poll(epochs, { timeout: 10_000 }).toEqual(new Set([epoch]));
  expect(resets().toSorted()).toEqual([...lanes].toSorted());
  await stop();
});
