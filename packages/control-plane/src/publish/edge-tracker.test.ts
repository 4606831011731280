import type { Lane, Position } from '@sallyport/shared/state/model';
import { expect, test } from 'vitest';
import { testLog } from '../testing/database.ts';
import { EdgeTracker } from './edge-tracker.ts';

test('a refusal stands until an acknowledgement covers its position', () => {
  const heads = new Map<Lane, Position>([['config', { epoch: 1, rev: 9 }]]);
  const tracker = new EdgeTracker({
    clock: () => 0,
    monotonic: () => 0,
    heads: () => heads,
    log: testLog,
  });
  tracker.open('edg_a', 'test', ['config']);
  const nackOf = () => tracker.statusOf('edg_a')?.lanes.config?.nack;
  const nack = (rev: number) =>
    tracker.nack('edg_a', {
      lane: 'config',
      position: { epoch: 1, rev },
      code: 'COMPILE',
      detail: 'a rule',
      refusedSha256: new Uint8Array(),
    });
  const ack = (epoch: number, rev: number) =>
    tracker.ack('edg_a', {
      lane: 'config',
      position: { epoch, rev },
      stage: 'enforced',
      path: 'grpc',
    });
  nack(7);
  ack(1, 6);
  expect(nackOf()).toEqual({ code: 'COMPILE', detail: 'a rule' });
  // Beyond what this replica has read: it does not count yet.
  ack(1, 12);
  expect(nackOf()).not.toBe(null);
  ack(1, 7);
  expect(nackOf()).toBe(null);
  nack(8);
  const head = { epoch: 2, rev: 1 };
  heads.set('config', head);
  tracker.reset('config', head);
  ack(2, 1);
  expect(nackOf()).toBe(null);
});
