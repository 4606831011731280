import { describe, expect, test } from 'vitest';
import type { ConditionField } from './index.ts';
import {
  compileOne,
  device,
  nowMs,
  problemsOf,
  session,
  signedOut,
  truthFor,
  viewOf,
} from './testing.ts';

const placed = (country: string | null, asn: number | null, egress: string | null = '') => ({
  place: { country, region: null, asn, egress },
});
const never = Number.MAX_SAFE_INTEGER;

describe('what rules say of place, risk, sign-in, service and dates', () => {
  test.each<[ConditionField, string, unknown]>([
    ['countries', 'lower case', ['de']],
    ['countries', 'three letters', ['DEU']],
    ['countries', 'no list', 'DE'],
    ['countries', 'nothing', []],
    ['asns', 'text', ['AS3320']],
    ['asns', 'zero', [0]],
    ['asns', 'too large', [4_294_967_296]],
    ['asns', 'not whole', [1.5]],
    ['egress', 'no name', ['Head Office']],
    ['egress', 'none of them', ['']],
    ['egress', 'nothing', []],
    ['risk', 'nothing', {}],
    ['risk', 'more than all', { atLeast: 101 }],
    ['risk', 'text', { below: '50' }],
    ['risk', 'never', { atLeast: 50, below: 50 }],
    ['risk', 'no signal', { signals: [] }],
    ['risk', 'a signal with a blank', { signals: ['new device'] }],
    ['authentication', 'nothing', {}],
    ['authentication', 'seconds', { maxAge: 900 }],
    ['authentication', 'no method', { amr: [] }],
    ['authentication', 'the words of a verdict', { maxAgeSeconds: 900 }],
    ['services', 'nothing', []],
    ['services', 'one that is not there', ['runners']],
    ['services', 'a star', ['*']],
    ['notBefore', 'a day', '2027-01-15'],
    ['notBefore', 'a number', 1_800_000_000_000],
    ['notAfter', 'null', null],
    ['notAfter', 'a day that is not', '2027-02-30T00:00:00Z'],
    ['pathsMatching', 'nothing', []],
    ['pathsMatching', 'blank', ['']],
    ['pathsMatching', 'a group that is not closed', ['/(']],
    ['pathsMatching', 'a look-ahead', ['/(?=a)']],
    ['pathsMatching', 'a reference back', ['/(a)\\1']],
    ['pathsMatching', 'counts upon counts', ['((a{0,100}){0,100}){0,100}']],
    ['pathsMatching', 'no end of text', [`/${'a'.repeat(5000)}`]],
  ])('%s: %s is refused', (field, _title, value) => {
    expect(problemsOf(field, value)).not.toEqual([]);
  });

  test.each<[ConditionField, unknown, Parameters<typeof viewOf>[0], string]>([
    ['countries', ['DE'], placed('DE', null), 'true'],
    ['countries', ['DE'], placed('AT', null), 'false'],
    ['countries', ['DE'], placed(null, 1), 'unknown'],
    ['countries', ['DE'], {}, 'unknown'],
    ['countries', ['DE'], { ...signedOut, ...placed('DE', 1) }, 'true'],
    ['asns', [1, 2], placed(null, 2), 'true'],
    ['asns', [1, 2], placed('DE', 3), 'false'],
    ['asns', [1, 2], placed('DE', null), 'unknown'],
    ['egress', ['office', 'vpn'], placed(null, null, 'vpn'), 'true'],
    ['egress', ['office', 'vpn'], placed('DE', 1, 'cloud'), 'false'],
    ['egress', ['office', 'vpn'], placed(null, null, ''), 'false'],
    ['egress', ['office', 'vpn'], placed('DE', 1, null), 'unknown'],
    ['egress', ['office'], {}, 'unknown'],
    ['egress', ['office'], { ...signedOut, ...placed(null, null, 'office') }, 'true'],
    ['risk', { atLeast: 50 }, { risk: { score: 50, signals: [], untilMs: null } }, 'true'],
    ['risk', { below: 50 }, { risk: { score: 50, signals: [], untilMs: null } }, 'false'],
    ['risk', { below: 50 }, { risk: { score: Number.NaN, signals: [], untilMs: null } }, 'unknown'],
    ['risk', { below: 50 }, {}, 'unknown'],
    [
      'risk',
      { below: 50, signals: ['a'] },
      { risk: { score: 1, signals: ['b'], untilMs: null } },
      'false',
    ],
    [
      'risk',
      { below: 50, signals: ['a', 'b'] },
      { risk: { score: 1, signals: ['b'], untilMs: null } },
      'true',
    ],
    ['authentication', { maxAge: '15m' }, {}, 'true'],
    ['authentication', { maxAge: '10m' }, {}, 'false'],
    ['authentication', { amr: ['hwk', 'pwd'] }, {}, 'true'],
    ['authentication', { amr: ['hwk'] }, {}, 'false'],
    ['authentication', { maxAge: '15m' }, signedOut, 'pending'],
    ['services', ['runner'], { ...signedOut, device: { ...device, id: 'd-runner' } }, 'true'],
    ['services', ['runner'], signedOut, 'false'],
    ['services', ['runner'], { ...signedOut, device: { kind: 'none' } }, 'false'],
    [
      'services',
      ['runner'],
      { device: { ...device, id: 'd-runner' }, session: { ...session, deviceId: null } },
      'false',
    ],
    ['notBefore', '2027-01-15T08:00:00Z', {}, 'true'],
    ['notBefore', '2027-01-15T08:00:01Z', {}, 'false'],
    ['notBefore', '2027-01-15T08:00:00Z', { nowMs: Number.NaN }, 'unknown'],
    ['notAfter', '2027-01-15T08:00:01Z', {}, 'true'],
    ['notAfter', '2027-01-15T08:00:00Z', {}, 'false'],
    ['notAfter', '2027-01-15T08:00:00Z', { nowMs: Number.NaN }, 'unknown'],
  ])('%s %j with %j is %s', (field, value, facts, expected) => {
    expect(truthFor(field, value, facts)).toBe(expected);
  });

  test.each<[ConditionField, unknown, number]>([
    ['notBefore', '2027-01-15T08:00:01Z', nowMs + 1000],
    ['notBefore', '2027-01-15T08:00:00Z', never],
    ['notAfter', '2027-01-15T08:00:01Z', nowMs + 1000],
    ['notAfter', '2027-01-15T08:00:00Z', never],
    ['authentication', { maxAge: '15m' }, nowMs + 300_000],
    ['authentication', { maxAge: '10m' }, never],
    ['authentication', { amr: ['pwd'] }, never],
  ])('%s %j may change at %d', (field, value, expected) => {
    expect(compileOne(field, value).changesAtMs?.(viewOf({}))).toBe(expected);
  });

  test.each<[ConditionField, unknown, boolean]>([
    ['authentication', { maxAge: '1h' }, true],
    ['employment', { ended: false }, true],
    ['users', ['u'], true],
    ['groups', ['g'], true],
    ['device', { ownedByUser: false }, true],
    ['device', { managed: true }, false],
    ['services', ['runner'], false],
    ['countries', ['DE'], false],
    ['risk', { below: 5 }, false],
  ])('whether %s %j is about the user: %s', (field, value, expected) => {
    expect(compileOne(field, value).aboutUser ?? false).toBe(expected);
  });
});
