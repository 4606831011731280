import type { SignalEvent } from '@sallyport/shared/signals/events';
import { emptyHistory, remember } from '@sallyport/shared/signals/history';
import type { PlaceSeen } from '@sallyport/shared/signals/history-model';
import { describe, expect, test } from 'vitest';
import { berlin, newYork, saoPaulo } from '../testing/signals.ts';
import { sideToEnd } from './less-familiar.ts';

const dayMs = 86_400_000;
const todayMs = Date.UTC(2026, 10, 23, 12);
const who = { userId: 'usr_a', deviceId: 'dev_a', sid: 'ses_a' };
const noDevice = { deviceId: null, sid: 'ses_thief' };

function sighted(place: typeof berlin, atMs: number, more: object = {}): SignalEvent {
  const id = `${atMs} ${JSON.stringify(more)} ${place.asn}`;
  return {
    kind: 'sighted',
    id,
    atMs,
    sourceAddress: '',
    place,
    ...who,
    route: null,
    ...more,
  } as SignalEvent;
}

/** The side of the second of two events today, after these days. */
function sideOf(first: SignalEvent, second: SignalEvent, before: readonly SignalEvent[]) {
  const history = [...before, first].reduce((all, one) => remember(all, one).history, emptyHistory);
  const from = history.places.find(({ atS }) => atS === Math.floor(first.atMs / 1000));
  return sideToEnd(second, from as PlaceSeen, history);
}
const home = [5, 4, 3, 2].map((days) => sighted(berlin, todayMs - days * dayMs));

describe('sessions are ended at', () => {
  test.each([
    [
      'the new place, when it is the later',
      sighted(berlin, todayMs),
      sighted(newYork, todayMs + 1_000, noDevice),
      'here',
    ],
    [
      'the new place, when it is the earlier',
      sighted(newYork, todayMs, noDevice),
      sighted(berlin, todayMs + 1_000),
      'there',
    ],
    [
      'the end without a device, where both are new',
      sighted(saoPaulo, todayMs),
      sighted(newYork, todayMs + 1_000, noDevice),
      'here',
    ],
    [
      'both, where the user’s device is in a new place, and somebody at home without one',
      sighted(saoPaulo, todayMs),
      sighted(berlin, todayMs + 1_000, noDevice),
      'both',
    ],
    [
      'both, where nothing tells one from the other',
      sighted(saoPaulo, todayMs, { ...noDevice, sid: 'ses_b' }),
      sighted(newYork, todayMs + 1_000, noDevice),
      'both',
    ],
    [
      'the one session that is at both',
      sighted(berlin, todayMs),
      sighted(newYork, todayMs + 1_000),
      'here',
    ],
  ] as const)('%s', (_, first, second, side) => {
    expect(sideOf(first, second, home)).toBe(side);
  });

  test('the place where the user never was, however often somebody was there today', () => {
    const again = [1, 2, 3, 4, 5, 6].map((n) => sighted(newYork, todayMs - n * 60_000, noDevice));
    const [first, second] = [sighted(newYork, todayMs, noDevice), sighted(berlin, todayMs + 1_000)];
    expect(sideOf(first, second, [...home.slice(0, 1), ...again])).toBe('there');
  });

  test('the event, where it is no journey', () => {
    expect(sideToEnd(sighted(berlin, todayMs), null, emptyHistory)).toBe('here');
  });
});
