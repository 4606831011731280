import fc, { type Arbitrary } from 'fast-check';
import type { EmploymentFacts, Facts, PolicySet } from '../src/index.ts';
import { facts } from './facts.ts';
import { policySets } from './policy-sets.ts';

/** Values that are almost right. */

const oddValues = fc.oneof(
  fc.constantFrom<unknown>(null, undefined, '', ' ', [], {}, 0, -1, Number.NaN, true, false, '**'),
  fc.constantFrom<unknown>([null], [[]], [''], { anonymous: false }, 'GET', '*', '0.0.0.0/0'),
  // An own field of this name, as JSON.parse makes it.
  fc.constant(JSON.parse('{"__proto__": {"anonymous": true}}') as unknown),
  fc.jsonValue(),
);

/** Policy sets with one to three parts replaced, removed, added or doubled. */
export const damagedPolicySets: Arbitrary<unknown> = damagedOf(policySets);

/** The same, of sets in which no rule says `anonymous: true`. */
export const damagedClosedSets: Arbitrary<unknown> = damagedOf(policySets.map(closed));

function closed(set: PolicySet): PolicySet {
  const policies = set.policies.map((policy) => ({
    ...policy,
    allow: policy.allow.filter((rule) => rule.anonymous !== true),
  }));
  // No facts have this device, so that nobody is a service.
  const services = (set.services ?? []).map(({ name }) => ({ name, devices: [`d-of-${name}`] }));
  return { ...set, policies, services };
}

function damagedOf(sets: Arbitrary<PolicySet>): Arbitrary<unknown> {
  const damages = fc.array(fc.tuple(fc.nat(), fc.nat(3), oddValues), {
    minLength: 1,
    maxLength: 3,
  });
  return fc.tuple(sets, damages).map(([set, all]) => {
    const value = copyOf(set);
    for (const [place, kind, odd] of all) damage(value, place, kind, odd);
    return value;
  });
}

type Holder = Record<string, unknown>;

function damage(root: unknown, place: number, kind: number, odd: unknown): void {
  const places = placesIn(root);
  const found = places[place % Math.max(1, places.length)];
  if (found === undefined) return;
  const { holder, key } = found;
  const list = Array.isArray(holder) ? (holder as unknown[]) : null;
  if (kind === 0) holder[key] = copyOf(odd);
  else if (kind === 1 && list !== null) list.splice(Number(key), 1);
  else if (kind === 1) delete holder[key];
  else if (list !== null) list.push(copyOf(kind === 2 ? odd : holder[key]));
  else
    Object.defineProperty(holder, kind === 2 ? 'extra' : '__proto__', {
      ...open,
      value: copyOf(odd),
    });
}

const open = { enumerable: true, configurable: true, writable: true };

function placesIn(value: unknown): { holder: Holder; key: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Holder;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesIn(holder[key])]);
}

/** No part is shared, so that later damage makes no circle. */
function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf);
  const copy: Holder = {};
  for (const [key, part] of Object.entries(value)) {
    Object.defineProperty(copy, key, { ...open, value: copyOf(part) });
  }
  return copy;
}

const oddNumbers = fc.oneof(
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, -1),
  fc.double(),
);
const oddTexts = fc.oneof(
  fc.constantFrom('', '__proto__', 'constructor', '*', '%', '\u0000', '::ffff:10.0.0.1', '0x7f.1'),
  fc.string(),
);

/** Facts of the right types with values that nobody would expect. */
export const oddFacts: Arbitrary<Facts> = fc
  .tuple(facts, oddNumbers, oddTexts, fc.nat(15))
  .map(([one, number, text, at]) => {
    const { device, session, user, request } = one;
    const odd: readonly Partial<Facts>[] = [
      { nowMs: number },
      { request: { ...request, path: text } },
      { request: { ...request, host: text } },
      { request: { ...request, method: text } },
      { sourceAddress: text },
      { device: device.kind === 'known' ? { ...device, certificateNotAfterMs: number } : device },
      { session: session.kind === 'live' ? { ...session, expiresAtMs: number } : session },
      { session: session.kind === 'live' ? { ...session, authenticatedAtMs: number } : session },
      { user: user.kind === 'known' ? { ...user, email: text, groups: [text] } : user },
      { session: session.kind === 'live' ? { ...session, userId: text, deviceId: text } : session },
      { place: { country: text, region: text, asn: number, egress: text } },
      { risk: { score: number, signals: [text], untilMs: number } },
      { request: { ...request, headers: { 'x-role': [text], [text]: [] } } },
      { user: user.kind === 'known' ? { ...user, employment: endingAt(number) } : user },
      {
        device:
          device.kind === 'known'
            ? { ...device, posture: [{ name: 'os', value: number, observedAtMs: number }] }
            : device,
      },
      { staleness: { revokeMs: number, signalsMs: number, configMs: number, directoryMs: number } },
    ];
    return { ...one, ...odd[at] };
  });

function endingAt(endsAtMs: number): EmploymentFacts {
  return { class: 'employee', endsAtMs };
}
