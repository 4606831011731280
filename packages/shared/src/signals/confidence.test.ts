import { describe, expect, it } from 'vitest';
import type { SignalEvent } from './events.ts';
import type { UserHistory } from './history.ts';
import { observe } from './observe.ts';
import { defaultSettings } from './settings.ts';
import * as of from './testing/events.ts';

const { berlin, denied, failed, hourMs, minuteMs, monday, newYork, sighted, signedIn } = of;
const dayMs = 24 * hourMs;
const cookie = { deviceId: null, sid: 'ses_cookie' };
const phone = { deviceId: 'dev_phone', sid: 'ses_phone' };

function scores(events: readonly SignalEvent[]): readonly string[] {
  let history: UserHistory | null = null;
  return events.flatMap((event) => {
    const seen = observe(event, history, [], defaultSettings);
    history = seen.history;
    return seen.findings.map(({ detector, score }) => `${detector} ${String(score)}`);
  });
}
const days = (count: number, make: (atMs: number) => readonly SignalEvent[]) =>
  Array.from({ length: count }, (_, day) => make(monday + day * dayMs)).flat();
const fourth = monday + 4 * dayMs;

describe('a journey', () => {
  it('weighs all of its score where a cookie alone makes it, and half with the same device', () => {
    const pair = (who: object) => [sighted(berlin, monday, who), sighted(newYork, monday + 1, who)];
    expect(scores(pair(cookie))).toContain('impossible-travel 80');
    expect(scores(pair({}))).toContain('impossible-travel 40');
  });

  it('weighs half on one network in two countries, and is none with the same device as well', () => {
    const exit = { ...newYork, asn: 3320 };
    const pair = (who: object) => [sighted(berlin, monday, who), sighted(exit, monday + 1, who)];
    expect(scores(pair(cookie))).toContain('impossible-travel 40');
    expect(scores(pair({})).join()).not.toContain('impossible-travel');
  });

  it('weighs half between networks that the user is on regularly, and is none between homes', () => {
    const tunnelled = (atMs: number) => [
      sighted(berlin, atMs, cookie),
      sighted(newYork, atMs + minuteMs, cookie),
    ];
    const travel = (count: number) =>
      scores(days(count, tunnelled)).filter((one) => one.startsWith('impossible-travel'));
    expect(travel(2)).toEqual(['impossible-travel 80', 'impossible-travel 80']);
    expect(travel(3).at(-1)).toBe('impossible-travel 40');
    expect(travel(20)).toEqual(travel(4));
    const thief = sighted(of.saoPaulo, monday + 19 * dayMs + 2 * minuteMs, cookie);
    expect(scores([...days(20, tunnelled), thief])).toContain('new-country 30');
    expect(scores([...days(20, tunnelled), thief]).at(-2)).toBe('impossible-travel 80');
  });

  it('is raised again for one matter where it weighs more than before', () => {
    const bound = [sighted(berlin, monday), sighted(newYork, monday + 1)];
    const stolen = signedIn(berlin, monday + minuteMs, cookie);
    const all = scores([...bound, stolen]).filter((one) => one.startsWith('impossible-travel'));
    expect(all).toEqual(['impossible-travel 40', 'impossible-travel 80']);
  });

  it('weighs half from a browser that may have been left open, to a sign-in without a device', () => {
    const morning = [
      signedIn(berlin, monday, cookie),
      sighted(berlin, monday + 8 * hourMs, cookie),
    ];
    const elsewhere = { deviceId: null, sid: 'ses_else' };
    const travel = (events: readonly SignalEvent[]) =>
      scores(events).filter((one) => one.startsWith('impossible-travel'));
    const later = signedIn(newYork, monday + 9 * hourMs, elsewhere);
    expect(travel([...morning, later])).toEqual(['impossible-travel 40']);
    const sooner = signedIn(newYork, monday + hourMs, elsewhere);
    expect(travel([...morning, sooner])).toEqual(['impossible-travel 80']);
  });

  it('is found where many sessions have had the one forgotten whose cookie comes from afar', () => {
    const own = { deviceId: null, sid: 'ses_own' };
    const many = Array.from({ length: 9 }, (_, i) =>
      sighted(berlin, monday + 1000 + i, { deviceId: null, sid: `ses_${String(i)}` }),
    );
    const events = [sighted(berlin, monday, own), ...many];
    expect(scores([...events, sighted(newYork, monday + minuteMs, own)])).toContain(
      'impossible-travel 80',
    );
  });
});

describe('two sessions far apart', () => {
  const known = days(4, (atMs) => [sighted(berlin, atMs), sighted(berlin, atMs, phone)]);
  const seen = [...known, sighted(berlin, fourth)];

  it('are none on two devices that were both the user’s before', () => {
    expect(scores([...seen, sighted(newYork, fourth + 1, phone)]).join()).not.toContain('distant');
  });

  it('weigh most where somebody who has a device is far away without one', () => {
    const early = signedIn(newYork, fourth - 8 * hourMs, cookie);
    const stolen = [...known, early, sighted(berlin, fourth - 4 * hourMs)];
    expect(scores(stolen)).toContain('distant-sessions 60');
    const other = { deviceId: 'dev_new', sid: 'ses_new' };
    expect(scores([...seen, sighted(newYork, fourth + 1, other)])).toContain('distant-sessions 30');
  });
});

describe('what is new', () => {
  const known = days(4, (atMs) => [sighted(berlin, atMs)]);

  it('weighs half on a device that was the user’s before, in a country', () => {
    const flight = fourth + 12 * hourMs;
    expect(scores([...known, sighted(newYork, flight)])).toEqual(['new-country 15']);
    expect(scores([...known, sighted(newYork, flight, cookie)])).toEqual(['new-country 30']);
  });

  it('weighs half where the user regularly is, as a device', () => {
    expect(scores([...known, sighted(berlin, fourth, phone)])).toEqual(['new-device 10']);
    const office = { ...newYork, egress: 'office' };
    expect(scores([...known, sighted(office, fourth, phone)])).toEqual(['new-device 10']);
    const near = { ...berlin, asn: 6805 };
    expect(scores([...known, sighted(near, fourth, phone)])).toEqual(['new-device 20']);
  });

  it('is the first device too of somebody who had none, from where they never were', () => {
    const bare = days(4, (atMs) => [sighted(berlin, atMs, cookie)]);
    expect(scores([...bare, sighted(berlin, fourth, phone)])).toEqual([]);
    const near = { ...berlin, asn: 6805 };
    expect(scores([...bare, sighted(near, fourth, phone)])).toEqual(['new-device 20']);
  });
});

describe('what failed or was refused', () => {
  const known = days(4, (atMs) => [sighted(berlin, atMs)]);
  const tries = (count: number, place: typeof berlin) =>
    Array.from({ length: count }, (_, i) => failed(place, fourth + i * 1000));

  it('counts three times from a network that the user was never on, and once at home', () => {
    expect(scores([...known, ...tries(3, newYork)])).toEqual([]);
    expect(scores([...known, ...tries(4, newYork)])).toEqual(['failed-sign-ins 40']);
    expect(scores([...known, ...tries(11, berlin)])).toEqual([]);
  });

  it('weighs half where a cookie comes with another device from where the user regularly is', () => {
    const other = { deviceId: 'dev_new', sid: 'ses_one' };
    const refused = denied(fourth, ['session_other_device'], other);
    expect(scores([...known, refused])).toEqual(['session-on-other-device 45']);
    expect(scores([...known, { ...refused, place: newYork }])).toEqual([
      'session-on-other-device 90',
    ]);
  });
});
