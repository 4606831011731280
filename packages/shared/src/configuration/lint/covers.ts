import { durationMs } from '@sallyport/policy';
import { canonicalJson } from '../../canonical-json.ts';
import { networkCovers, patternCovers } from './patterns.ts';
import type { AnyRule, Conditions } from './rules.ts';

type Field = Exclude<keyof Conditions, 'name' | 'description'>;
type Implied = { readonly [Name in Field]: (narrow: Given<Name>, wide: Given<Name>) => boolean };
type Given<Name extends Field> = NonNullable<Conditions[Name]>;

/**
 * For each field: whether what is written as `narrow` can be true only where `wide` is. Where that
 * cannot be seen from the words it is false: lint then says nothing.
 */
const implied: Implied = {
  users: (narrow, wide) => within(narrow.map(folded), wide.map(folded)),
  groups: within,
  employment: (narrow, wide) =>
    withinList(narrow.class, wide.class) &&
    (wide.ended === undefined || wide.ended === narrow.ended),
  services: within,
  device: (narrow, wide) =>
    deviceFlags.every((flag) => wide[flag] === undefined || flagOf(narrow, flag) === wide[flag]) &&
    within(texts(wide.posture ?? []), texts(narrow.posture ?? [])) &&
    noLonger(narrow.certificateMaxAge, wide.certificateMaxAge),
  methods: within,
  paths: (narrow, wide) =>
    narrow.every((inner) => wide.some((outer) => patternCovers(outer, inner))),
  pathsMatching: within,
  headers: (narrow, wide) => within(texts(wide), texts(narrow)),
  sourceNetworks: (narrow, wide) =>
    narrow.every((inner) => wide.some((outer) => networkCovers(outer, inner))),
  countries: within,
  asns: within,
  egress: within,
  time: (narrow, wide) => within(texts(narrow), texts(wide)),
  notBefore: (narrow, wide) => Date.parse(wide) <= Date.parse(narrow),
  notAfter: (narrow, wide) => Date.parse(narrow) <= Date.parse(wide),
  authentication: (narrow, wide) =>
    noLonger(narrow.maxAge, wide.maxAge) && withinList(narrow.amr, wide.amr),
  risk: (narrow, wide) =>
    (narrow.atLeast ?? 0) >= (wide.atLeast ?? 0) &&
    (narrow.below ?? Number.POSITIVE_INFINITY) <= (wide.below ?? Number.POSITIVE_INFINITY) &&
    withinList(narrow.signals, wide.signals),
  conditions: (narrow, wide) => within(wide, narrow),
  when: (narrow, wide) => narrow === wide,
};
const fields = Object.keys(implied) as readonly Field[];
const deviceFlags = ['known', 'managed', 'ownedByUser'] as const;

/** Whether `wide` applies to whatever `narrow` applies to. Names of conditions are whole. */
export function covers(wide: AnyRule, narrow: AnyRule): boolean {
  return fields.every((field) => {
    if (wide[field] === undefined) return true;
    return narrow[field] !== undefined && isImplied(field, narrow, wide);
  });
}

/** Whether who meets `strict` has met `loose`. */
export function requireCovers(strict: AnyRule['require'], loose: AnyRule['require']): boolean {
  return noLonger(strict?.maxAge, loose?.maxAge) && withinList(strict?.amr, loose?.amr);
}

function isImplied<Name extends Field>(field: Name, narrow: AnyRule, wide: AnyRule): boolean {
  const [inner, outer] = [narrow[field], wide[field]];
  if (inner === undefined || outer === undefined) return false;
  return implied[field](inner as Given<Name>, outer as Given<Name>);
}

/** A managed or owned device is known. */
function flagOf(device: Given<'device'>, flag: (typeof deviceFlags)[number]): boolean | undefined {
  const managedOrOwned = device.managed === true || device.ownedByUser === true;
  return device[flag] ?? (flag === 'known' && managedOrOwned ? true : undefined);
}

function within(narrow: readonly unknown[], wide: readonly unknown[]): boolean {
  return narrow.every((entry) => wide.includes(entry));
}

/** Lists that may be left out, which means anything. */
function withinList(
  narrow: readonly unknown[] | undefined,
  wide: readonly unknown[] | undefined,
): boolean {
  return wide === undefined || (narrow !== undefined && within(narrow, wide));
}

function noLonger(narrow: string | undefined, wide: string | undefined): boolean {
  if (wide === undefined) return true;
  const [inner, outer] = [durationMs(narrow ?? ''), durationMs(wide)];
  return inner !== null && outer !== null && inner <= outer;
}

function texts(list: readonly object[]): readonly string[] {
  return list.map((entry) => canonicalJson(entry));
}

/** As the core compares e-mail addresses: ASCII letters without case. */
function folded(user: string): string {
  return user.includes('@') ? user.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : user;
}
