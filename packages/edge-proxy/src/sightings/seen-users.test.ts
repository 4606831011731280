import type { KnownPlace } from '@sallyport/shared/signals/place';
import { describe, expect, it } from 'vitest';
import { type Coming, SeenUsers } from './seen-users.ts';
import { berlin, munich, sydney } from './testing/places.ts';

const minuteMs = 60_000;

function coming(place: KnownPlace | null, atMs: number, more: Partial<Coming> = {}): Coming {
  const sourceAddress = '192.0.2.1';
  return { userId: 'usr_a', sid: 'ses_a', deviceId: 'dev_a', sourceAddress, place, atMs, ...more };
}

/** Which of them have to be told. */
function told(users: SeenUsers, ...all: readonly Coming[]): boolean[] {
  return all.map((one) => {
    const { userId, sid, deviceId, sourceAddress, place, atMs } = one;
    const known = users.isAsBefore(userId, sid, deviceId, sourceAddress, place, atMs, null);
    const tell = users.tell(one, null);
    if (known && tell) throw new Error('told although nothing of it is new');
    return tell;
  });
}

describe('where a user is seen', () => {
  it('is told the first time, and again after 15 minutes', () => {
    const users = new SeenUsers();
    const times = [0, 1, 15 * minuteMs - 1, 15 * minuteMs, 16 * minuteMs, 30 * minuteMs];
    const all = times.map((atMs) => coming(berlin, atMs));
    expect(told(users, ...all)).toEqual([true, false, false, true, false, true]);
  });

  it('is told again when the control plane has seen the device elsewhere meanwhile', () => {
    const users = new SeenUsers();
    const last = (place: KnownPlace, atMs: number, deviceId = 'dev_a') => ({
      atMs,
      deviceId,
      place,
    });
    const seen = [
      users.tell(coming(berlin, 0), null),
      users.tell(coming(berlin, 2_000), last(berlin, 70)),
      users.tell(coming(berlin, 3_000), last(sydney, 80, 'dev_b')),
      users.tell(coming(berlin, 4_000), last(sydney, 90)),
      users.tell(coming(berlin, 5_500), last(sydney, 90)),
      users.tell(coming(berlin, 5_600), last(sydney, 95)),
      users.tell(coming(berlin, 10_500), last(sydney, 95)),
      users.tell(coming(berlin, 10_600), last(sydney, 95)),
    ];
    expect(seen).toEqual([true, false, false, true, false, true, false, true]);
  });

  it('is told when the device, the network or the cell is another', () => {
    const network = { ...berlin, asn: 64_500 };
    const same = { ...berlin, region: 'Berlin' };
    const users = new SeenUsers();
    expect(
      told(
        users,
        coming(berlin, 0),
        coming(same, 1),
        coming(network, 2),
        coming(munich, 3),
        coming(munich, 4, { deviceId: 'dev_b' }),
        coming(munich, 5, { deviceId: null }),
        coming(null, 6),
        coming(null, 7),
      ),
    ).toEqual([true, false, true, true, true, true, true, false]);
  });

  it('is told once of two devices that take turns', () => {
    const users = new SeenUsers();
    const turns = Array.from({ length: 20 }, (_, at) =>
      coming(berlin, at * 5_000, { deviceId: `dev_${at % 2}` }),
    );
    expect(told(users, ...turns).filter(Boolean)).toHaveLength(2);
  });

  it('is told each time a device comes back, but not more than once a second for each spot', () => {
    const users = new SeenUsers();
    const turns = Array.from({ length: 100 }, (_, at) =>
      coming(at % 2 === 0 ? berlin : sydney, at * 100),
    );
    expect(told(users, ...turns).filter(Boolean)).toHaveLength(20);
    expect(told(users, coming(berlin, 20_000), coming(berlin, 20_001))).toEqual([true, false]);
  });

  it('is of each user alone, and bounded for each and for all of them', () => {
    const users = new SeenUsers(10);
    expect(told(users, coming(berlin, 0), coming(berlin, 0, { userId: 'usr_b' }))).toEqual([
      true,
      true,
    ]);
    for (let at = 0; at < 100; at += 1) {
      users.tell(coming({ ...berlin, asn: at }, at), null);
      users.tell(coming(berlin, at, { userId: `usr_${at}` }), null);
    }
    expect(users.spotsOf('usr_a').length).toBeLessThanOrEqual(8);
    const kept = Array.from({ length: 100 }, (_, at) => users.spotsOf(`usr_${at}`).length);
    expect(kept.filter((count) => count > 0).length).toBeLessThanOrEqual(10);
  });

  it('is known with the time and the address of the last request', () => {
    const users = new SeenUsers();
    users.tell(coming(berlin, 0), { atMs: 77, deviceId: null, place: null });
    users.isAsBefore('usr_a', 'ses_b', 'dev_a', '192.0.2.9', berlin, 500, null);
    expect(users.spotsOf('usr_a')).toEqual([
      expect.objectContaining({
        deviceId: 'dev_a',
        sourceAddress: '192.0.2.9',
        sid: 'ses_b',
        seenAtMs: 500,
        toldAtMs: 0,
        lastPlaceAtMs: 77,
      }),
    ]);
  });
});
