import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Signal } from '../state/model.ts';
import { detectorNames, type Finding } from './finding.ts';
import {
  isDismissed,
  lastPlaceName,
  lastPlaceValue,
  otherEnds,
  readLastPlace,
} from './last-place.ts';
import { riskOf, signalReason, signalValue } from './risk.ts';
import { place } from './testing/arbitraries.ts';
import { berlin, hourMs, monday } from './testing/events.ts';
import { endsOf } from './travel.ts';

const finding: Finding = {
  detector: 'impossible-travel',
  subject: 'user',
  subjectId: 'usr_alice',
  score: 80,
  halfLifeMs: hourMs,
  reason: 'DE and US',
  matter: 'DE/1 US/2',
  outcome: 'signal',
  sid: null,
  from: null,
};
const row = (name: string, value: string, expiresAtMs = monday + 1e9): Signal => ({
  op: 'signal',
  subject: 'user',
  subjectId: 'usr_alice',
  name,
  value,
  observedAtMs: monday,
  expiresAtMs,
});
const of = (name: Finding['detector'], score: number) =>
  row(name, signalValue({ ...finding, score }));
const anySignal = fc
  .tuple(
    fc.constantFrom(...detectorNames),
    fc.integer({ min: 1, max: 100 }),
    fc.integer({ min: 1000, max: 30 * 86_400_000 }),
    fc.integer({ min: 1, max: 10_000_000 }),
  )
  .map(([name, score, halfLifeMs, lasts]) =>
    row(name, signalValue({ ...finding, score, halfLifeMs }), monday + lasts),
  );
const instant = fc.integer({ min: monday - 1000, max: monday + 12_000_000 });

describe('risk', () => {
  it('is nothing where nothing was noticed, for ever', () => {
    expect(riskOf([], monday)).toEqual({ score: 0, signals: [], untilMs: null });
  });

  it('is half after the half-life, and nothing below 5', () => {
    const signals = [of('impossible-travel', 80)];
    expect(riskOf(signals, monday).score).toBe(80);
    expect(riskOf(signals, monday + hourMs).score).toBe(40);
    expect(riskOf(signals, monday + 4 * hourMs).score).toBe(5);
    expect(riskOf(signals, monday + 4 * hourMs + 1)).toEqual(riskOf([], monday));
  });

  it('is of several signals what independent chances are, with their names sorted', () => {
    const signals = [of('new-device', 50), of('new-country', 50), of('new-device', 50)];
    expect(riskOf(signals, monday)).toMatchObject({
      score: 88,
      signals: ['new-country', 'new-device'],
    });
  });

  it('is the same in whichever order the signals stand, between 0 and 100, never less for more', () => {
    fc.assert(
      fc.property(fc.array(anySignal, { maxLength: 6 }), instant, (signals, nowMs) => {
        const risk = riskOf(signals, nowMs);
        expect(riskOf(signals.toReversed(), nowMs)).toEqual(risk);
        expect(risk.score).toBeGreaterThanOrEqual(riskOf(signals.slice(1), nowMs).score);
        expect(risk.score).toBeLessThanOrEqual(100);
      }),
    );
  });

  it('does not change before the instant that it says, and only falls', () => {
    const part = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(anySignal, { maxLength: 4 }), instant, part, (signals, nowMs, of) => {
        const risk = riskOf(signals, nowMs);
        const untilMs = risk.untilMs ?? nowMs + 1e12;
        expect(untilMs).toBeGreaterThan(nowMs);
        for (const later of [nowMs + Math.floor(of * (untilMs - 1 - nowMs)), untilMs - 1]) {
          expect(riskOf(signals, later)).toEqual(risk);
        }
        expect(riskOf(signals, untilMs).score).toBeLessThanOrEqual(risk.score);
      }),
      { numRuns: 500 },
    );
  });

  it('is another from the instant on that one signal says', () => {
    fc.assert(
      fc.property(anySignal, instant, (signal, nowMs) => {
        const risk = riskOf([signal], nowMs);
        fc.pre(risk.untilMs !== null);
        expect(riskOf([signal], risk.untilMs ?? 0).score).toBeLessThan(risk.score);
      }),
      { numRuns: 500 },
    );
  });

  it('leaves out what has expired, what is no detector and what cannot be read', () => {
    const value = signalValue(finding);
    const rows = [
      row('impossible-travel', value, monday),
      row(lastPlaceName, value),
      ...['', '{', '[]', 'null', '{"s":"80","h":1}', '{"s":1e9,"h":1}', '{"s":80,"h":0}'].map(
        (text) => row('new-device', text),
      ),
    ];
    expect(riskOf(rows, monday)).toEqual(riskOf([], monday));
  });
});

describe('the value of a signal', () => {
  it('is at most 256 bytes and is read again, whatever the reason', () => {
    const reason = fc.string({
      maxLength: 160,
      unit: fc.constantFrom('a', '"', '\\', '\n', '\0', '\u00e9', '\u20ac', '\u{1f600}', '\ud800'),
    });
    fc.assert(
      fc.property(reason, (text) => {
        const value = signalValue({ ...finding, reason: text });
        expect(Buffer.byteLength(value)).toBeLessThanOrEqual(256);
        expect(riskOf([row('new-device', value)], monday).score).toBe(80);
        expect(text.toWellFormed()).toContain(signalReason(row('new-device', value)));
      }),
    );
  });

  it('says its reason, and none where it is of another form', () => {
    expect(signalReason(row('new-device', signalValue(finding)))).toBe('DE and US');
    expect(signalReason(row('new-device', '{'))).toBe(null);
    expect(signalReason(row(lastPlaceName, signalValue(finding)))).toBe(null);
  });
});

describe('the last place', () => {
  it('is at most 256 bytes, and is read as it was written', () => {
    const device = `dev_${'0'.repeat(26)}`;
    const vpn = { ...berlin, egress: 'e'.repeat(63), country: 'DE', asn: 4_294_967_295 };
    const value = lastPlaceValue(device, vpn) ?? '';
    expect(Buffer.byteLength(value)).toBeLessThanOrEqual(256);
    expect(readLastPlace(row(lastPlaceName, value))).toEqual({
      atMs: monday,
      deviceId: device,
      place: vpn,
      dismissed: [],
    });
    const none = ['US/16509', 'BR/28573', ...Array.from({ length: 40 }, (_, n) => `FR/${n}`)];
    const more = lastPlaceValue(device, berlin, none) ?? '';
    expect(Buffer.byteLength(more)).toBeLessThanOrEqual(256);
    expect(readLastPlace(row(lastPlaceName, more))?.dismissed.slice(0, 3)).toEqual(
      none.slice(0, 3),
    );
  });

  it('knows between which networks a journey was dismissed, either way round', () => {
    const away = { ...berlin, country: 'US', asn: 16509 };
    const matters = [endsOf(away, berlin), 'BR/1 FR/1', '*'];
    expect(otherEnds(berlin, matters)).toEqual(['US/16509']);
    const value = lastPlaceValue(null, berlin, otherEnds(berlin, matters)) ?? '';
    const last = readLastPlace(row(lastPlaceName, value));
    expect([isDismissed(last, away, berlin), isDismissed(last, berlin, away)]).toEqual([
      true,
      true,
    ]);
    expect(isDismissed(last, { ...away, asn: 7018 }, berlin)).toBe(false);
    expect(isDismissed(last, away, { ...berlin, asn: 1 })).toBe(false);
    expect(isDismissed(null, away, berlin)).toBe(false);
  });

  it('stays a place whatever it is, to a hundredth of a degree', () => {
    fc.assert(
      fc.property(place, (where) => {
        const read = readLastPlace(row(lastPlaceName, lastPlaceValue(null, where) ?? ''));
        expect(read?.place?.coordinates === null).toBe(where.coordinates === null);
        expect(read?.place?.egress).toBe(where.egress);
        const apart =
          (read?.place?.coordinates?.latitude ?? 0) - (where.coordinates?.latitude ?? 0);
        expect(Math.abs(apart)).toBeLessThan(0.0051);
      }),
    );
  });

  it('is none of another row, or of one that cannot be read', () => {
    expect(readLastPlace(row('new-device', lastPlaceValue(null, berlin) ?? ''))).toBe(null);
    expect(readLastPlace(row(lastPlaceName, 'x'))).toBe(null);
    expect(readLastPlace(row(lastPlaceName, '{"lat":91,"lon":"x"}'))?.place?.coordinates).toBe(
      null,
    );
  });
});
