import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import {
  opsToBytes,
  type SyncMessage,
  type SyncResponse,
  SyncResponseSchema,
  syncResponse,
} from '@sallyport/proto';
import { busSubjects } from '@sallyport/shared/bus/bus';
import { describe, expect, it } from 'vitest';
import { LocalBus } from '../../testing/local-bus.ts';
import { createRootKey } from '../../testing/sample-state.ts';
import { scriptedKeys } from '../../testing/scripted-keys.ts';
import { listenToBus } from './bus-intake.ts';
import type { InboxAlarm } from './inbox.ts';

const keys = scriptedKeys(createRootKey());
const { revoke, config, heartbeat } = busSubjects;
const body = opsToBytes([]);
const frameOf = (lane: 'revoke' | 'config'): SyncMessage => ({
  kind: 'frame',
  value: keys.frame({ lane, epoch: 1, prevRev: 0, rev: 1, body }, Date.now()),
});
const messages = {
  revoke: frameOf('revoke'),
  config: frameOf('config'),
  heartbeat: {
    kind: 'heartbeat',
    value: keys.heartbeat({ replica: 'cp', sentAtMs: 1, logAgeMs: 0, heads: [] }, Date.now()),
  },
  provisional: {
    kind: 'provisional',
    value: keys.provisional({ id: 'prv_1', issuedAtMs: 1, expiresAtMs: 2, body }, Date.now()),
  },
  keys: { kind: 'keys', value: { keys: keys.keys() } },
} as const satisfies Record<string, SyncMessage>;

const encoded = (message: SyncResponse) => toBinary(SyncResponseSchema, message);

/** Bytes in a field with the number 1,000. */
function unknownField(bytes: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(1_000, WireType.LengthDelimited).bytes(bytes).finish();
}

/** The bus side of an edge, each of whose messages costs so many milliseconds. */
function intake(costMs = 0, lookMs = 0) {
  const bus = new LocalBus();
  const clock = { nowMs: 0 };
  const taken: unknown[] = [];
  const alarms: InboxAlarm[] = [];
  const looked: unknown[] = [];
  listenToBus(
    bus,
    {
      take: (response, path, lanes) => {
        clock.nowMs += costMs;
        taken.push([response.message.case, path, lanes]);
        return true;
      },
      alarm: (name) => void alarms.push(name),
      isStale: ({ message }) => {
        clock.nowMs += lookMs;
        looked.push(message.case);
        return message.case === 'heartbeat' && message.value.replica === 'stale';
      },
    },
    () => clock.nowMs,
  );
  const publish = (subject: string, message: SyncMessage, times = 1) => {
    const bytes = encoded(syncResponse(message));
    for (let time = 0; time < times; time += 1) bus.publish(subject, bytes);
  };
  return { bus, clock, taken, alarms, looked, publish };
}

describe('what an edge takes from the bus', () => {
  it('is of each subject what belongs there, and nothing else; keys least of all', () => {
    const { taken, alarms, publish } = intake();
    publish(revoke, messages.revoke);
    publish(revoke, messages.provisional);
    publish(config, messages.config);
    publish(heartbeat, messages.heartbeat);
    expect(taken).toEqual([
      ['frame', 'nats', ['revoke']],
      ['provisional', 'nats', ['revoke']],
      ['frame', 'nats', ['config']],
      ['heartbeat', 'nats', ['revoke', 'signals', 'config', 'directory']],
    ]);
    expect(alarms).toEqual([]);
    const strays = [
      ...['keys', 'heartbeat'].map((kind) => [revoke, kind] as const),
      ...['keys', 'heartbeat', 'provisional'].map((kind) => [config, kind] as const),
      ...['keys', 'revoke', 'provisional'].map((kind) => [heartbeat, kind] as const),
    ];
    for (const [subject, kind] of strays) publish(subject, messages[kind as keyof typeof messages]);
    expect(taken).toHaveLength(4);
    expect(alarms).toEqual(strays.map(() => 'unexpected'));
  });

  it('skips what a newer protocol says, without an alarm', () => {
    const { bus, taken, alarms } = intake();
    bus.publish(revoke, encoded(create(SyncResponseSchema, {})));
    expect([taken, alarms]).toEqual([[], []]);
  });

  it.each<[string, number]>([
    [revoke, 1_100_000],
    [config, 4_194_305],
    [heartbeat, 16_385],
  ])('is not read on %s when it is too large', (subject, bytes) => {
    const { bus, taken, alarms } = intake();
    const good = { [revoke]: messages.revoke, [config]: messages.config }[subject];
    // A field that no version has: a message all the same, however long.
    const genuine = encoded(syncResponse(good ?? messages.heartbeat));
    const filling = Buffer.alloc(bytes);
    bus.publish(subject, Buffer.concat([genuine, unknownField(filling.subarray(0, 100))]));
    expect([taken.length, alarms]).toEqual([1, []]);
    bus.publish(subject, Buffer.concat([genuine, unknownField(filling)]));
    expect([taken.length, alarms]).toEqual([1, ['unexpected']]);
  });

  it('is bounded in number on each subject alone: a flood of one takes nothing from another', () => {
    const { clock, taken, alarms, publish } = intake();
    publish(heartbeat, messages.heartbeat, 1_000);
    expect(taken).toHaveLength(200);
    expect(alarms.filter((name) => name === 'flooded')).toHaveLength(800);
    publish(revoke, messages.revoke, 2_000);
    publish(config, messages.config, 200);
    expect(taken).toHaveLength(2_400);
    clock.nowMs += 100;
    publish(heartbeat, messages.heartbeat, 1_000);
    expect(taken).toHaveLength(2_420);
  });

  it('is no heartbeat that waited while the process stood still, which costs no budget', () => {
    const { taken, alarms, publish } = intake(100);
    const beat = { replica: 'stale', sentAtMs: 1, logAgeMs: 0, heads: [] };
    const stale = { kind: 'heartbeat', value: keys.heartbeat(beat, Date.now()) } as const;
    publish(heartbeat, stale, 600);
    publish(heartbeat, messages.heartbeat);
    expect([taken.length, alarms]).toEqual([1, []]);
    // Nothing is left of the time, and what is stale is left out all the same.
    publish(heartbeat, stale);
    expect([taken.length, alarms]).toEqual([1, []]);
    publish(heartbeat, messages.heartbeat);
    expect([taken.length, alarms]).toEqual([1, ['flooded']]);
    publish(heartbeat, stale, 1_000);
    expect(alarms.length).toBeGreaterThan(100);
  });

  it('is not looked at for its age where it is large, and then costs the budget', () => {
    const { bus, taken, alarms, looked } = intake();
    const beat = { replica: 'stale', sentAtMs: 1, logAgeMs: 0, heads: [] };
    const stale = syncResponse({ kind: 'heartbeat', value: keys.heartbeat(beat, Date.now()) });
    const large = Buffer.concat([encoded(stale), unknownField(Buffer.alloc(1_024))]);
    for (let time = 0; time < 300; time += 1) bus.publish(heartbeat, large);
    expect([looked.length, taken.length, alarms.length]).toEqual([0, 200, 100]);
    bus.publish(heartbeat, encoded(stale));
    expect([looked.length, taken.length, alarms.length]).toEqual([1, 200, 100]);
  });

  it('is looked at for its age within a time of its own', () => {
    const { taken, alarms, looked, publish } = intake(0, 5);
    const beat = { replica: 'stale', sentAtMs: 1, logAgeMs: 0, heads: [] };
    const stale = { kind: 'heartbeat', value: keys.heartbeat(beat, Date.now()) } as const;
    publish(heartbeat, stale, 200);
    // 50 ms of work in a second; what was refilled meanwhile counts, too.
    expect(looked.length).toBeLessThan(15);
    expect([taken.length, alarms.length]).toEqual([200 - looked.length, 0]);
  });

  it('is bounded in the time that it costs, which comes back as time goes by', () => {
    const { clock, taken, publish } = intake(10);
    publish(heartbeat, messages.heartbeat, 100);
    const first = taken.length;
    // 50 ms of work in a second; what was refilled meanwhile counts, too.
    expect(first).toBeLessThan(8);
    const beganAtMs = clock.nowMs;
    for (let second = 0; second < 10; second += 1) {
      clock.nowMs = beganAtMs + second * 1_000;
      publish(heartbeat, messages.heartbeat, 100);
    }
    expect(taken.length - first).toBeGreaterThan(40);
    expect(taken.length - first).toBeLessThan(60);
    const before = taken.length;
    publish(revoke, messages.revoke);
    expect(taken).toHaveLength(before + 1);
  });
});
