import fc from 'fast-check';
import type { SignalEvent } from '../events.ts';
import type { KnownPlace } from '../place.ts';
import { monday } from './events.ts';

export const place: fc.Arbitrary<KnownPlace> = fc.record({
  country: fc.option(fc.constantFrom('DE', 'US', 'BR', 'FR', 'x', '')),
  region: fc.constant(null),
  coordinates: fc.option(
    fc.record({
      latitude: fc.double({ min: -90, max: 90, noNaN: true }),
      longitude: fc.double({ min: -180, max: 180, noNaN: true }),
      accuracyKm: fc.double({ min: 0, max: 1000, noNaN: true }),
    }),
    { freq: 8 },
  ),
  asn: fc.option(fc.integer({ min: 1, max: 2 ** 32 - 1 })),
  egress: fc.option(fc.constantFrom('office', 'vpn'), { freq: 1 }),
});

export const atMs = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: monday, max: monday + 30 * 86_400_000 }) },
  fc.constantFrom(0, -1, 1e15, Number.NaN, Number.POSITIVE_INFINITY),
);

const by = {
  id: fc.string({ maxLength: 4 }),
  atMs,
  sourceAddress: fc.constant('192.0.2.1'),
  place: fc.option(place, { freq: 8 }),
  userId: fc.constant('usr_alice'),
  deviceId: fc.option(fc.string({ maxLength: 3 })),
  sid: fc.string({ maxLength: 2 }),
  route: fc.option(fc.string({ maxLength: 2 })),
  reasons: fc.constantFrom(['no_rule_matched'], ['session_other_device']),
};

/** Any event of one user, also at times that are none. */
export const event: fc.Arbitrary<SignalEvent> = fc.oneof(
  fc.record({ ...by, kind: fc.constant('sighted' as const) }),
  fc.record({ ...by, kind: fc.constant('signed_in' as const) }),
  fc.record({ ...by, kind: fc.constant('sign_in_failed' as const) }),
  fc.record({ ...by, kind: fc.constant('denied' as const) }),
);
