import fc, { type Arbitrary } from 'fast-check';

/** The few words that policy sets and facts are made of, so that rules and requests meet often. */

/** 2027-01-15T08:00:00Z, a Friday: nine in the morning in Berlin, three in New York. */
export const nowMs = 1_800_000_000_000;
const words: readonly string[] = ['a', 'b', '%C3%A9', 'c:d'];
export const methods: readonly string[] = ['GET', 'POST', 'DELETE'];
export const userIds: readonly string[] = ['u-1', 'u-2', 'u-3'];
export const groupNames: readonly string[] = ['red', 'green', 'blue', '__proto__'];
export const networks: readonly string[] = [
  '10.0.0.0/8',
  '10.1.0.0/16',
  '0.0.0.0/0',
  '2001:db8::/32',
  '::/0',
  '10.1.2.3/32',
];
export const addresses: readonly string[] = [
  '10.1.2.3',
  '10.9.9.9',
  '192.0.2.1',
  '2001:db8::1',
  'fe80::1',
  'unreadable',
];
export const amr: readonly string[] = ['pwd', 'hwk', 'otp'];
export const serviceNames: readonly string[] = ['runner', 'backup'];
export const countries: readonly string[] = ['DE', 'AT', 'US'];
export const asns: readonly number[] = [3320, 64_500];
export const regions: readonly string[] = ['Bavaria', 'Tyrol'];
export const waysOut: readonly string[] = ['office', 'vpn'];
export const signals: readonly string[] = ['new-place', 'new-device'];
export const headerNames: readonly string[] = ['x-role', 'constructor'];
export const headerValues: readonly string[] = ['admin', 'user'];
export const postureNames: readonly string[] = ['disk-encrypted', 'os'];
export const postureValues: readonly (boolean | number | string)[] = [true, false, 13, '14'];
export const zones: readonly string[] = ['UTC', 'Europe/Berlin', 'America/New_York'];
export const instants: readonly string[] = [
  '2027-01-15T07:59:59.999Z',
  '2027-01-15T08:00:00Z',
  '2027-01-15T10:00:00+01:00',
  '2027-01-16T00:00:00Z',
];

/** One to three of them. */
export function some<Value>(values: readonly Value[]): Arbitrary<Value[]> {
  return fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 });
}

/** An object with the key, or without: `rarity` times as often. */
export function maybe<Key extends string, Value>(
  key: Key,
  value: Arbitrary<Value>,
  rarity = 1,
): Arbitrary<{ [One in Key]?: Value }> {
  const given = value.map((found) => ({ [key]: found }) as { [One in Key]?: Value });
  return fc.oneof({ weight: 1, arbitrary: given }, { weight: rarity, arbitrary: fc.constant({}) });
}

const segment = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...words) },
  { weight: 1, arbitrary: fc.constant('{any}') },
);

/** Patterns of paths. */
export const pathPatterns: Arbitrary<string> = fc
  .tuple(fc.array(segment, { maxLength: 2 }), fc.constantFrom('', '/', '/**', '/**', '/**'))
  .map(([segments, tail]) => `/${segments.join('/')}${tail}`.replace('//', '/'));

/** Canonical paths. */
export const paths: Arbitrary<string> = fc
  .tuple(fc.array(fc.constantFrom(...words), { maxLength: 3 }), fc.boolean())
  .map(([segments, slash]) => `/${segments.join('/')}${slash && segments.length > 0 ? '/' : ''}`);

/** The one, and now and then the other. */
export function mostly<Value>(usual: Value, other: Value): Arbitrary<Value> {
  return fc.oneof(
    { weight: 29, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constant(other) },
  );
}
