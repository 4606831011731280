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

test('the age of a state goes on while the edge says nothing', () => {
  let nowMs = 1_000;
  const tracker = new EdgeTracker({
    clock: () => 0,
    monotonic: () => nowMs,
    heads: () => new Map(),
    log: testLog,
  });
  tracker.open('edg_a', 'test', ['revoke']);
  const ageOf = () => tracker.statusOf('edg_a')?.lanes.revoke?.stalenessMs;
  expect(ageOf()).toBe(null);
  const report = { position: null, stalenessMs: 300, digestAgrees: null, alarms: {} };
  tracker.report('edg_a', 'revoke', report);
  expect(ageOf()).toBe(300);
  nowMs += 4_000;
  expect(ageOf()).toBe(4_300);
  tracker.report('edg_a', 'revoke', report);
  expect(ageOf()).toBe(300);
});

test('the first acknowledgement that covers a position counts, however often it is said again', () => {
  const heads = new Map<Lane, Position>([['revoke', { epoch: 2, rev: 9 }]]);
  let nowMs = 0;
  const tracker = new EdgeTracker({
    clock: () => 0,
    monotonic: () => nowMs,
    heads: () => heads,
    log: testLog,
  });
  tracker.open('edg_a', 'test', ['revoke']);
  const ack = (epoch: number, rev: number, path: 'grpc' | 'nats') => {
    nowMs += 1;
    tracker.ack('edg_a', { lane: 'revoke', position: { epoch, rev }, stage: 'enforced', path });
  };
  const enforced = (epoch: number, rev: number) =>
    tracker.enforcementOf('edg_a', 'revoke', { epoch, rev });
  ack(1, 5, 'grpc');
  ack(2, 1, 'nats');
  ack(1, 3, 'grpc');
  ack(2, 4, 'nats');
  ack(2, 4, 'grpc');
  ack(2, 2, 'grpc');
  expect(enforced(1, 4)).toMatchObject({ atMs: 1 });
  expect(enforced(2, 1)).toMatchObject({ atMs: 2 });
  expect(enforced(2, 3)).toMatchObject({ atMs: 4, path: 'nats' });
  expect(enforced(2, 5)).toBe(null);
  // More than are remembered: what the newest cover is known all the same.
  for (let again = 0; again < 100; again += 1) ack(2, 4, 'grpc');
  expect(enforced(2, 4)).toMatchObject({ atMs: 4, path: 'nats' });
});
