import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SignalEvent } from './events.ts';
import {
  decodeHistory,
  emptyHistory,
  encodeHistory,
  remember,
  type UserHistory,
} from './history.ts';
import { event } from './testing/arbitraries.ts';
import * as of from './testing/events.ts';
import { limits, withoutIds } from './testing/histories.ts';

const { berlin, hourMs, minuteMs, monday, newYork, sighted, signedIn } = of;

function after(events: readonly SignalEvent[], from: UserHistory = emptyHistory): UserHistory {
  return events.reduce((history, one) => remember(history, one).history, from);
}

describe('what is remembered of a user', () => {
  it('counts an event once, however often it comes', () => {
    const once = sighted(berlin, monday);
    const history = after([once]);
    expect(remember(history, { ...once, atMs: monday + hourMs })).toEqual({
      history,
      fresh: false,
    });
  });

  it('tells a sighting from a denial of the same request', () => {
    const request = sighted(berlin, monday);
    const refused = { ...of.denied(monday), id: request.id };
    expect(remember(after([request]), refused).fresh).toBe(true);
  });

  it('does not move a device back to where it was before', () => {
    const late = after([sighted(newYork, monday + hourMs), sighted(berlin, monday)]);
    expect(late.places.map((seen) => seen.place.country)).toEqual(['US']);
  });

  it('learns on when the clock was ahead for a while and is right again', () => {
    const ahead = monday + 400 * 24 * hourMs;
    const history = after([signedIn(newYork, ahead), signedIn(berlin, monday)]);
    expect(history.places.map((seen) => seen.place.country)).toEqual(['DE']);
    expect(history.lastSignIn?.place.country).toBe('DE');
  });

  it('learns nothing of where the user is from what failed or was refused', () => {
    const history = after([of.failed(newYork, monday), of.denied(monday)]);
    expect(history).toMatchObject({ places: [], devices: [], countries: [], lastSignIn: null });
  });

  it('keeps the last real place when somebody goes over to a known way out or to nowhere', () => {
    const vpn = { ...newYork, egress: 'vpn' };
    const history = after([
      sighted(berlin, monday),
      sighted(vpn, monday + 1000),
      sighted(of.nowhere, monday + 2000),
      sighted(null, monday + 3000),
    ]);
    expect(history.places.map((seen) => seen.place.country)).toEqual(['DE']);
    expect(history.countries.map((one) => one.name)).toEqual(['DE']);
  });

  it('is the same in whichever order three events come', () => {
    const events = [
      signedIn(berlin, monday),
      sighted(newYork, monday + 9 * hourMs),
      sighted(berlin, monday + minuteMs, { deviceId: null, sid: 'ses_two' }),
      of.denied(monday + 2 * minuteMs),
    ];
    const all = of.orders(events).map((order) => withoutIds(after(order)));
    for (const one of all) expect(one).toEqual(all[0]);
  });

  it('stays within its bounds, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 80 }), (events) => {
        const history = after(events);
        expect(history.places.length).toBeLessThanOrEqual(limits.places);
        expect(history.devices.length).toBeLessThanOrEqual(limits.devices);
        expect(history.countries.length).toBeLessThanOrEqual(limits.countries);
        expect(history.failures.length).toBeLessThanOrEqual(limits.tally);
        expect(history.denials.length).toBeLessThanOrEqual(limits.routes);
        expect(encodeHistory(history).length).toBeLessThanOrEqual(4096);
      }),
      { numRuns: 200 },
    );
  });

  it('stays under 4 KiB through a flood of unlike events', () => {
    const flood = Array.from({ length: 2000 }, (_, i): SignalEvent => {
      const atMs = monday + ((i * 7919) % 2000) * 1000;
      const place = { ...newYork, country: `${letter(i)}${letter(i / 26)}` };
      const sid = `ses_${String(i)}`;
      if (i % 4 === 0) return of.failed(place, atMs);
      if (i % 4 === 1) return of.denied(atMs, [], { route: `route-${String(i)}` });
      return sighted(place, atMs, { deviceId: `dev_${String(i)}`, sid });
    });
    const history = after(flood);
    expect(history.counted.length).toBe(limits.counted);
    expect(encodeHistory(history).length).toBeLessThanOrEqual(4096);
  });

  it('takes 200 bytes at the most for somebody at work with a laptop and a telephone', () => {
    const phone = { deviceId: 'dev_phone', sid: 'ses_phone' };
    const day = Array.from({ length: 32 }, (_, quarter) => [
      sighted(berlin, monday + quarter * 15 * minuteMs),
      sighted(of.munich, monday + quarter * 15 * minuteMs + 1000, phone),
    ]).flat();
    const history = after([signedIn(berlin, monday), ...day]);
    expect(encodeHistory(history).length).toBeLessThanOrEqual(200);
  });
});

describe('the bytes of a history', () => {
  it('give the same history back', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const history = after(events);
        expect(decodeHistory(encodeHistory(history))).toEqual({ history, readable: true });
      }),
      { numRuns: 200 },
    );
  });

  it('are refused when they are none of ours: an empty history, and it says so', () => {
    const good = encodeHistory(after([signedIn(berlin, monday)]));
    const unreadable = { history: emptyHistory, readable: false };
    for (let end = 0; end < good.length; end += 1) {
      expect(decodeHistory(good.subarray(0, end))).toEqual(unreadable);
    }
    expect(decodeHistory(Uint8Array.of(...good, 0))).toEqual(unreadable);
    expect(decodeHistory(Uint8Array.of(2, ...good.subarray(1)))).toEqual(unreadable);
  });

  it('never throw and never make a history past its bounds, whatever they are', () => {
    const good = encodeHistory(after([signedIn(berlin, monday), of.failed(berlin, monday)]));
    const changed = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => {
      const bytes = Uint8Array.from(good);
      bytes[at] = byte;
      return bytes;
    });
    const wild = fc.uint8Array({ maxLength: 300 }).map((bytes) => Uint8Array.of(1, ...bytes));
    fc.assert(
      fc.property(fc.oneof(changed, wild), (bytes) => {
        const { history } = decodeHistory(bytes);
        const next = remember(history, sighted(newYork, monday + hourMs)).history;
        expect(decodeHistory(encodeHistory(next)).readable).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });
});

function letter(n: number): string {
  return String.fromCharCode(65 + (Math.floor(n) % 26));
}
