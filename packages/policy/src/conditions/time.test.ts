import { describe, expect, test } from 'vitest';
import { compileOne, nowMs, problemsOf, truthFor, viewOf } from './testing.ts';

const hourMs = 3_600_000;
const berlin = { from: '08:00', to: '18:00', zone: 'Europe/Berlin' };

describe('time', () => {
  test.each([
    ['no list', berlin],
    ['an empty list', []],
    ['null', [null]],
    ['no zone', [{ from: '08:00', to: '18:00' }]],
    ['a zone that is not there', [{ ...berlin, zone: 'Europe/Nowhere' }]],
    ['an offset for a zone', [{ ...berlin, zone: '+01:00' }]],
    ['a blank zone', [{ ...berlin, zone: '' }]],
    ['a zone of another type', [{ ...berlin, zone: 1 }]],
    ['no end', [{ from: '08:00', zone: 'UTC' }]],
    ['a number for a clock', [{ ...berlin, from: 480 }]],
    ['an hour too many', [{ ...berlin, to: '24:00' }]],
    ['a minute too many', [{ ...berlin, to: '10:60' }]],
    ['one digit', [{ ...berlin, to: '8:00' }]],
    ['seconds', [{ ...berlin, to: '08:00:00' }]],
    ['no days', [{ ...berlin, days: [] }]],
    ['a day in another language', [{ ...berlin, days: ['Mo'] }]],
    ['an unknown field', [{ ...berlin, until: '20:00' }]],
  ])('%s is refused', (_title, value) => {
    expect(problemsOf('time', value)).not.toEqual([]);
  });

  test('zones are found whatever the case of their letters', () => {
    expect(truthFor('time', [{ ...berlin, zone: 'europe/BERLIN' }], {})).toBe('true');
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, -9e15])('at %d it is unknown', (odd) => {
    const condition = compileOne('time', [berlin]);
    expect(condition.holds(viewOf({ nowMs: odd }))).toBe('unknown');
    expect(condition.changesAtMs?.(viewOf({ nowMs: odd }))).toBe(Number.MAX_SAFE_INTEGER);
  });

  test.each([
    ['half an hour beside the others', 'Asia/Kolkata', '13:30', '13:31'],
    ['three quarters', 'Asia/Kathmandu', '13:45', '13:46'],
    ['behind UTC', 'America/New_York', '03:00', '03:01'],
    ['a day ahead', 'Pacific/Kiritimati', '22:00', '22:01'],
  ])('a zone %s', (_title, zone, from, to) => {
    expect(truthFor('time', [{ from, to, zone }], {})).toBe('true');
    expect(truthFor('time', [{ from: to, to: from, zone }], {})).toBe('false');
  });

  test.each([
    ['the end of the window', 'UTC', '07:00', '09:00', nowMs, nowMs + hourMs],
    ['the beginning of the window', 'UTC', '09:30', '10:00', nowMs, nowMs + 1.5 * hourMs],
    ['a day later', 'UTC', '08:00', '08:00', nowMs, nowMs + 24 * hourMs],
    // 2027-03-28, 01:00 UTC: Berlin goes from 02:00 to 03:00.
    [
      'the change of the clocks, where that comes first',
      'Europe/Berlin',
      '08:00',
      '18:00',
      Date.UTC(2027, 2, 27, 20, 10),
      Date.UTC(2027, 2, 28, 1),
    ],
    [
      'the end of the window, where that comes first',
      'Europe/Berlin',
      '08:00',
      '01:00',
      Date.UTC(2027, 2, 27, 20, 10),
      Date.UTC(2027, 2, 28, 0),
    ],
    // Lord Howe Island changes by half an hour.
    [
      'a change of half an hour',
      'Australia/Lord_Howe',
      '20:00',
      '21:00',
      Date.UTC(2027, 3, 3, 12),
      Date.UTC(2027, 3, 3, 15),
    ],
  ])('it may change at %s', (_title, zone, from, to, atMs, expected) => {
    const condition = compileOne('time', [{ from, to, zone }]);
    expect(condition.changesAtMs?.(viewOf({ nowMs: atMs }))).toBe(expected);
  });

  test('it never changes before it says', () => {
    const zones = ['Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Africa/Casablanca'];
    for (const zone of zones) {
      const condition = compileOne('time', [
        { days: ['sun', 'tue'], from: '01:30', to: '02:30', zone },
        { days: ['sat'], from: '23:00', to: '02:15', zone },
      ]);
      const endMs = Date.UTC(2028, 0, 1);
      let [atMs, spans] = [Date.UTC(2027, 0, 1, 0, 7), 0];
      while (atMs < endMs) {
        const view = viewOf({ nowMs: atMs });
        const changesAtMs = condition.changesAtMs?.(view) ?? 0;
        expect(changesAtMs).toBeGreaterThan(atMs);
        for (const part of [0.25, 0.5, 0.75, 1]) {
          const laterMs = Math.floor(atMs + (changesAtMs - 1 - atMs) * part);
          const later = condition.holds(viewOf({ nowMs: laterMs }));
          if (later !== condition.holds(view)) throw new Error(`${zone} at ${laterMs}`);
        }
        [atMs, spans] = [changesAtMs, spans + 1];
      }
      expect(spans).toBeGreaterThan(1000);
    }
  });
});
