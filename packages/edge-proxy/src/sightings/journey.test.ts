import type { LastPlace } from '@sallyport/shared/signals/last-place';
import type { KnownPlace } from '@sallyport/shared/signals/place';
import type { Whereabouts } from '@sallyport/shared/signals/travel';
import { describe, expect, it } from 'vitest';
import { type Arrival, journeyTo } from './journey.ts';
import { SeenUsers } from './seen-users.ts';
import { berlin, lima, munich, office, sydney } from './testing/places.ts';

const hourMs = 3_600_000;
const thresholds = { speedKmhMax: 1_000, distanceKmMin: 500 };

/** By the worker's clock; the wall clock is a day ahead of it. */
function arrival(place: KnownPlace, atMs: number, more: Partial<Arrival> = {}): Arrival {
  return {
    userId: 'usr_a',
    sid: 'ses_a',
    deviceId: 'dev_a',
    sourceAddress: place.country ?? '',
    place,
    atMs,
    arrivedAtMs: wall(atMs),
    ...more,
  };
}
const wall = (atMs: number) => atMs + 24 * hourMs;

const lastPlace = (
  place: KnownPlace,
  atMs: number,
  deviceId: string | null = 'dev_a',
  dismissed: readonly string[] = [],
): LastPlace => ({
  atMs: wall(atMs),
  deviceId,
  place,
  dismissed,
});

interface Seen {
  readonly at: Arrival;
  /** What the lane had when it was told. */
  readonly last?: Whereabouts;
}

function judge(to: Arrival, last: LastPlace | null, ...seen: readonly Seen[]): string | null {
  const users = new SeenUsers();
  for (const one of seen) users.tell(one.at, one.last ?? null);
  return journeyTo(to, users.spotsOf('usr_a'), last, thresholds)?.reason ?? null;
}

describe('a journey that nobody makes', () => {
  it('is found from the last place that the control plane tells', () => {
    const to = arrival(sydney, 2 * hourMs);
    expect(judge(to, lastPlace(berlin, hourMs))).toContain('DE and AU');
    expect(judge(to, lastPlace(berlin, hourMs, 'dev_b'))).toBeNull();
    expect(judge(to, lastPlace(office, hourMs))).toBeNull();
    expect(judge(to, lastPlace(berlin, -20 * hourMs))).toBeNull();
    expect(judge(to, null)).toBeNull();
  });

  it('is found from where this worker saw the user, by its own clock', () => {
    const seen = { at: arrival(berlin, hourMs) };
    expect(judge(arrival(sydney, 2 * hourMs), null, seen)).toContain('DE and AU');
    expect(judge(arrival(sydney, 20 * hourMs), null, seen)).toBeNull();
    // The wall clock was set: what counts is the time between.
    const later = arrival(sydney, 2 * hourMs, { arrivedAtMs: wall(90 * hourMs) });
    expect(judge(later, null, seen)).toContain('DE and AU');
    expect(judge(arrival(munich, hourMs + 1), null, seen)).toBeNull();
    expect(judge(arrival(office, hourMs + 1), null, seen)).toBeNull();
  });

  it('is that of one known device or one session', () => {
    const nobody = { deviceId: null };
    const other = { deviceId: null, sid: 'ses_b' };
    const to = arrival(sydney, 2 * hourMs, nobody);
    expect(judge(to, null, { at: arrival(berlin, hourMs, nobody) })).toContain('DE and AU');
    expect(judge(to, null, { at: arrival(berlin, hourMs, other) })).toBeNull();
    expect(judge(to, null, { at: arrival(berlin, hourMs, { sid: 'ses_b' }) })).toBeNull();
    expect(judge(to, lastPlace(berlin, hourMs, null))).toBeNull();
    const moved = arrival(sydney, 2 * hourMs, { sid: 'ses_b' });
    expect(judge(moved, null, { at: arrival(berlin, hourMs) })).toContain('DE and AU');
  });

  it('is none between two networks for which a person said so, before the control plane is asked', () => {
    const to = arrival(sydney, 2 * hourMs);
    const none = (...ends: string[]) => lastPlace(berlin, hourMs, 'dev_a', ends);
    expect(judge(to, none('AU/1221'))).toBeNull();
    expect(judge(to, none('AU/1'))).toContain('DE and AU');
    const seen = { at: arrival(berlin, hourMs), last: none('AU/1221') };
    expect(judge(to, none('AU/1221'), seen)).toBeNull();
    expect(judge(to, none('PE/6147'), seen)).toContain('DE and AU');
    // It is of that pair, and of no other with the same end.
    const lima2 = { at: arrival(lima, hourMs + 1), last: none('AU/1221') };
    expect(judge(to, none('AU/1221'), lima2)).toContain('PE and AU');
  });

  it('is found for what came earlier too', () => {
    const seen = { at: arrival(berlin, 2 * hourMs) };
    expect(judge(arrival(sydney, hourMs), null, seen)).toContain('AU');
  });

  it('is none from the same address, whatever has become known of that', () => {
    const seen = { at: arrival(berlin, hourMs, { sourceAddress: '192.0.2.1' }) };
    const to = arrival(sydney, hourMs + 1, { sourceAddress: '192.0.2.1' });
    expect(judge(to, null, seen)).toBeNull();
  });

  it('is none once the control plane has spoken of here, which has judged it then', () => {
    const before = lastPlace(berlin, 0);
    const seen = { at: arrival(berlin, hourMs), last: before };
    const to = arrival(sydney, 2 * hourMs);
    expect(judge(to, before, seen)).toContain('DE and AU');
    expect(judge(to, lastPlace(sydney, 2 * hourMs), seen)).toBeNull();
  });

  it('is none once it has spoken of another device since it was told of here', () => {
    const before = lastPlace(lima, 0, 'dev_b');
    const berlinSeen = { at: arrival(berlin, hourMs), last: before };
    const sydneySeen = { at: arrival(sydney, 2 * hourMs), last: before };
    const to = arrival(sydney, 2 * hourMs + 1);
    expect(judge(to, before, berlinSeen, sydneySeen)).toContain('DE and AU');
    expect(judge(to, lastPlace(lima, 3 * hourMs, 'dev_b'), berlinSeen, sydneySeen)).toBeNull();
  });

  it('is found where the control plane has not spoken since it was told of the other spot', () => {
    const here = lastPlace(sydney, 2 * hourMs);
    const seen = { at: arrival(berlin, 2 * hourMs + 1), last: here };
    expect(judge(arrival(sydney, 2 * hourMs + 2), here, seen)).toContain('DE and AU');
  });
});
