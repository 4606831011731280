import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detectors } from './detectors/index.ts';
import type { SignalEvent } from './events.ts';
import { detectorNames, type Finding } from './finding.ts';
import type { UserHistory } from './history.ts';
import { observe } from './observe.ts';
import { defaultSettings, detectorSettings, type SignalsSettings } from './settings.ts';
import { event } from './testing/arbitraries.ts';
import * as of from './testing/events.ts';

const { berlin, denied, failed, hourMs, minuteMs, monday, newYork, sighted, signedIn } = of;
const alone = { deviceId: null, sid: 'ses_two' };

function findings(
  events: readonly SignalEvent[],
  written?: SignalsSettings,
  groups: readonly string[] = [],
): readonly Finding[] {
  let history: UserHistory | null = null;
  const all: Finding[] = [];
  for (const one of events) {
    const seen = observe(one, history, groups, detectorSettings(written));
    history = seen.history;
    all.push(...seen.findings);
  }
  return all;
}
function names(...given: Parameters<typeof findings>): readonly string[] {
  return findings(...given).map((finding) => finding.detector);
}
const soon = monday + minuteMs;

describe('the table of detectors', () => {
  it('has each name once', () => {
    expect(detectors.map((one) => one.name)).toEqual(detectorNames);
  });
});

describe('impossible travel', () => {
  const travel = (events: readonly SignalEvent[], ...rest: [SignalsSettings?, string[]?]) =>
    findings(events, ...rest).filter((one) => one.detector === 'impossible-travel');

  it('is found for a session that comes from two continents within a second', () => {
    const [finding] = travel([sighted(berlin, monday), sighted(newYork, monday + 900)]);
    expect(finding).toMatchObject({
      subject: 'user',
      subjectId: 'usr_alice',
      sid: 'ses_one',
      // One device at both ends: there is something to doubt.
      score: 40,
      matter: 'DE/3320 US/7018',
      outcome: 'signal',
    });
  });

  it('is found once, whichever of two edges tells first and whatever the order of time', () => {
    const pair = [sighted(berlin, monday), sighted(newYork, soon)];
    for (const order of of.orders(pair)) expect(travel(order)).toHaveLength(1);
    const same = [sighted(berlin, monday), sighted(newYork, monday)];
    for (const order of of.orders(same)) expect(travel(order)).toHaveLength(1);
  });

  it('is found for two sign-ins, on whichever devices', () => {
    const elsewhere = signedIn(newYork, soon, { deviceId: 'dev_other', sid: 'ses_two' });
    expect(travel([signedIn(berlin, monday), elsewhere])).toHaveLength(1);
  });

  it('is not found for a known device that changes providers within a country', () => {
    const jump = { ...newYork, country: 'DE' };
    expect(travel([sighted(berlin, monday), sighted(jump, soon)])).toEqual([]);
    const cookie = { deviceId: null };
    expect(travel([sighted(berlin, monday, cookie), sighted(jump, soon, cookie)])).toHaveLength(1);
  });

  it('is not found for two devices of which one was left at home', () => {
    const phone = { deviceId: 'dev_phone', sid: 'ses_two' };
    expect(travel([sighted(berlin, monday), sighted(newYork, soon, phone)])).toEqual([]);
  });

  it('is not found for a flight, a known way out or a place that nobody knows', () => {
    expect(travel([sighted(berlin, monday), sighted(newYork, monday + 9 * hourMs)])).toEqual([]);
    const vpn = { ...newYork, egress: 'vpn' };
    expect(travel([sighted(berlin, monday), sighted(vpn, soon)])).toEqual([]);
    expect(travel([sighted(berlin, monday), sighted(of.nowhere, soon)])).toEqual([]);
    expect(travel([sighted(berlin, monday), sighted(null, soon)])).toEqual([]);
  });

  it('is still found behind a visit to a known way out or to nowhere', () => {
    const vpn = { ...berlin, egress: 'vpn' };
    const by = [sighted(vpn, monday + 1000), sighted(null, monday + 2000)];
    expect(travel([sighted(berlin, monday), ...by, sighted(newYork, soon)])).toHaveLength(1);
  });

  it('is not raised at each request that follows, and again when its half-life is over', () => {
    const turns = Array.from({ length: 200 }, (_, i) =>
      sighted(i % 2 === 0 ? berlin : newYork, monday + i * 5 * minuteMs),
    );
    expect(travel(turns.slice(0, 100))).toHaveLength(1);
    expect(travel(turns)).toHaveLength(2);
  });

  it('is not found within a country between two networks that the user is at home on', () => {
    const jump = {
      ...berlin,
      asn: 6805,
      coordinates: { latitude: 47, longitude: 8, accuracyKm: 5 },
    };
    const days = (count: number) =>
      Array.from({ length: count }, (_, day) => [
        sighted(berlin, monday + day * 24 * hourMs, alone),
        sighted(jump, monday + day * 24 * hourMs + minuteMs, alone),
      ]).flat();
    expect(travel(days(4)).length).toBeGreaterThan(0);
    const known = days(8).slice(0, 8);
    expect(travel(days(8))).toEqual(travel(known));
    const elsewhere = { ...newYork, country: 'DE' };
    expect(
      travel([...known, sighted(elsewhere, monday + 3 * 24 * hourMs + hourMs, alone)]),
    ).toHaveLength(travel(known).length + 1);
  });

  it('is judged by the first entry that the user has a group of', () => {
    const written: SignalsSettings = {
      detectors: {
        'impossible-travel': {
          groups: [
            { groups: ['pilots'], enabled: false },
            { groups: ['sales'], speedKmhMax: 10_000, outcome: 'revoke' },
          ],
        },
      },
    };
    const pair = (gap: number) => [sighted(berlin, monday), sighted(newYork, monday + gap)];
    expect(travel(pair(hourMs), written, ['staff'])).toHaveLength(1);
    expect(travel(pair(hourMs), written, ['sales'])).toEqual([]);
    expect(travel(pair(minuteMs), written, ['sales'])).toMatchObject([{ outcome: 'revoke' }]);
    expect(travel(pair(minuteMs), written, ['sales', 'pilots'])).toEqual([]);
  });

  it('ends each of the sessions where its outcome is to revoke', () => {
    const written: SignalsSettings = {
      detectors: { 'impossible-travel': { outcome: 'revoke' } },
    };
    const again = [1, 2, 3].map((i) =>
      signedIn(newYork, soon + i, { deviceId: null, sid: `ses_${String(i)}` }),
    );
    const ended = travel([sighted(berlin, monday), ...again], written);
    expect(ended.map((one) => one.sid)).toEqual(['ses_1', 'ses_2', 'ses_3']);
  });
});

describe('sessions far apart', () => {
  it('are found on two devices', () => {
    const phone = { deviceId: 'dev_phone', sid: 'ses_two' };
    const all = names([sighted(berlin, monday), sighted(newYork, soon, phone)]);
    expect(all).toContain('distant-sessions');
  });

  it('are not found for one session, or one after the other with time for a flight', () => {
    expect(names([sighted(berlin, monday), sighted(newYork, soon)])).not.toContain(
      'distant-sessions',
    );
    const later = sighted(newYork, monday + 10 * hourMs, alone);
    expect(names([sighted(berlin, monday), later])).not.toContain('distant-sessions');
  });
});

describe('counted events', () => {
  const burst = (count: number, gapMs: number) =>
    Array.from({ length: count }, (_, i) => denied(monday + i * gapMs));

  it('are found when the window has so many, and raised once', () => {
    expect(names(burst(29, 1000))).toEqual([]);
    expect(names(burst(200, 1000))).toEqual(['denial-burst']);
    expect(names(burst(60, 5_000))).toEqual([]);
  });

  it('are counted for each route by itself', () => {
    const spread = burst(58, 1000).map((one, i) => ({ ...one, route: i % 2 === 0 ? 'a' : 'b' }));
    expect(names(spread)).toEqual([]);
  });

  it('are counted for all routes together too, where they are twice as many', () => {
    const spread = (count: number) =>
      burst(count, 1000).map((one, i) => ({ ...one, route: `route-${String(i % 20)}` }));
    expect(findings(spread(59))).toEqual([]);
    expect(findings(spread(90))).toMatchObject([{ detector: 'denial-burst', matter: '*' }]);
  });

  it('are none of the user where somebody else has the cookie', () => {
    const stolen = burst(200, 100).map((one) => ({ ...one, reasons: ['session_other_device'] }));
    expect(new Set(names(stolen))).toEqual(new Set(['session-on-other-device']));
  });

  it('are found in whichever order they come', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(burst(30, 4_000), { minLength: 30 }), (events) => {
        expect(names(events)).toEqual(['denial-burst']);
      }),
      { numRuns: 50 },
    );
  });

  it('are never counted too high, however long a flood lasts', () => {
    const slow = Array.from({ length: 3000 }, (_, i) => denied(monday + i * 5_000));
    expect(names(slow)).toEqual([]);
  });

  it('are not counted twice when a batch comes again', () => {
    const half = burst(12, 1000);
    expect(names([...half, ...half])).toEqual([]);
  });

  it('are sign-ins that failed as well, from the place of the last', () => {
    const tries = Array.from({ length: 13 }, (_, i) => failed(newYork, monday + i * 1000));
    const all = findings(tries);
    expect(all).toMatchObject([{ detector: 'failed-sign-ins', matter: 'US/7018', sid: null }]);
    expect(all[0]?.reason).toBe('failed sign-ins within 10 min count 12, the last from US/7018');
  });

  it('raise no finding for each of many networks that the tries come from', () => {
    const tries = Array.from({ length: 300 }, (_, i) =>
      failed({ ...newYork, asn: i + 1 }, monday + i * 1000),
    );
    expect(names(tries)).toHaveLength(4);
  });
});

describe('what is new', () => {
  it('is not the first device and country of all', () => {
    expect(names([signedIn(berlin, monday)])).toEqual([]);
  });

  it('is another device, which the signal is of', () => {
    const all = findings([signedIn(berlin, monday), signedIn(berlin, soon, { deviceId: 'dev_b' })]);
    expect(all).toMatchObject([
      { detector: 'new-device', subject: 'device', subjectId: 'dev_b', matter: 'usr_alice' },
    ]);
  });

  it('is another country, once', () => {
    const flight = monday + 12 * hourMs;
    const trip = [sighted(berlin, monday), sighted(newYork, flight), sighted(newYork, flight + 1)];
    expect(names(trip)).toEqual(['new-country']);
  });

  it('is a country again after half a year', () => {
    const later = (days: number) => monday + days * 24 * hourMs;
    const year = [sighted(berlin, monday, alone), sighted(newYork, later(200), alone)];
    expect(names([...year, sighted(berlin, later(201), alone)])).toEqual([
      'new-country',
      'new-country',
    ]);
  });

  it('is no country behind a known way out', () => {
    const vpn = { ...newYork, egress: 'vpn' };
    expect(names([sighted(berlin, monday), sighted(vpn, soon)])).toEqual([]);
  });

  it('stays new to the user where only tries from there failed', () => {
    const tried = [sighted(berlin, monday), failed(newYork, monday + hourMs)];
    const then = signedIn(newYork, monday + 10 * hourMs);
    expect(names([...tried, then])).toEqual(['new-country']);
  });
});

describe("a session's cookie on another device", () => {
  it('is found by what the edge refused it for, and is of the session', () => {
    const refused = denied(monday, ['session_other_device'], { deviceId: 'dev_thief' });
    expect(findings([refused])).toMatchObject([
      { detector: 'session-on-other-device', subject: 'session', subjectId: 'ses_one' },
    ]);
  });
});

describe('any detector', () => {
  const everything: readonly SignalEvent[] = [
    signedIn(berlin, monday),
    signedIn(newYork, soon, { deviceId: 'dev_b', sid: 'ses_two' }),
    denied(soon, ['session_other_device']),
    ...Array.from({ length: 30 }, () => denied(soon)),
    ...Array.from({ length: 12 }, () => failed(newYork, soon)),
  ];

  it('is quiet when it is off', () => {
    expect(new Set(names(everything)).size).toBe(detectorNames.length);
    const off = Object.fromEntries(detectorNames.map((name) => [name, { enabled: false }]));
    expect(names(everything, { detectors: off })).toEqual([]);
  });

  it('takes score, half-life and outcome of its settings', () => {
    const own = { score: 7, halfLife: '2m', outcome: 'revoke' } as const;
    const all = Object.fromEntries(detectorNames.map((name) => [name, own]));
    for (const finding of findings(everything, { detectors: all })) {
      expect(finding).toMatchObject({ halfLifeMs: 120_000, outcome: 'revoke' });
      expect([4, 7]).toContain(finding.score);
    }
  });

  it('gives the same answer to the same history, and findings within their bounds', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const all = findings(events);
        expect(findings(events)).toEqual(all);
        for (const finding of all) {
          const { score } = defaultSettings[finding.detector];
          expect([score, score / 2]).toContain(finding.score);
          expect(finding.reason.length).toBeLessThanOrEqual(160);
        }
      }),
      { numRuns: 200 },
    );
  });
});
