import type { SyncRequest } from '@sallyport/proto';
import { describe, expect, it } from 'vitest';
import { at } from '../../testing/brought-up.ts';
import { Upward } from './upward.ts';
import { ackMessage, fetchMessage } from './wire.ts';

/** A stream that takes so many messages before it wants a rest. */
function stream(room: number) {
  const taken: SyncRequest[] = [];
  let drain = () => undefined as void;
  let left = room;
  return {
    taken,
    on: (_event: 'drain', listener: () => void) => {
      drain = listener;
    },
    write: (message: SyncRequest) => {
      taken.push(message);
      left -= 1;
      return left > 0;
    },
    rest: (more: number) => {
      left = more;
      drain();
    },
  };
}

const ack = (rev: number) =>
  ackMessage('applied', { lane: 'revoke', position: at(rev), arrivedAtMs: 0, path: 'grpc' });
const fetch = (shard: number) =>
  fetchMessage({ lane: 'directory', position: at(1), shards: [shard] });
const revOf = ({ message }: SyncRequest) =>
  message.case === 'ack' ? Number(message.value.position?.rev) : message.case;

describe('what goes up on a stream that does not take it', () => {
  it('is only the newest of what tells how things stand, and all of what must be said', () => {
    const to = stream(1);
    const up = new Upward(to, () => undefined);
    up.tell('applied:revoke', ack(1));
    for (const rev of [2, 3, 4]) up.tell('applied:revoke', ack(rev));
    up.say(fetch(1));
    up.say(fetch(2));
    expect(to.taken.map(revOf)).toEqual([1]);
    to.rest(10);
    expect(to.taken.map(revOf)).toEqual([1, 'fetch', 'fetch', 4]);
  });

  it('never grows without end', () => {
    let full = 0;
    const up = new Upward(stream(1), () => {
      full += 1;
    });
    for (let shard = 0; shard < 1_000; shard += 1) up.say(fetch(shard));
    expect(full).toBeGreaterThan(700);
  });
});
