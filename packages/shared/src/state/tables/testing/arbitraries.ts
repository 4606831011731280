import fc from 'fast-check';
import type { IdPrefix } from '../../../ids.ts';
import type { DirectoryOp, RevokeOp, SignalOp } from '../../model.ts';
import type { RowLane, RowOp } from '../lane.ts';

const letters = Array.from('0123456789abcdefghjkmnpqrstvwxyz');
const hexDigits = Array.from('0123456789abcdef');
const prefixes: readonly IdPrefix[] = [
  'usr',
  'grp',
  'dev',
  'ses',
  'edg',
  'rev',
  'tok',
  'req',
  'aud',
];

/** An id as `newId` makes them. */
export const compactId = fc
  .tuple(
    fc.constantFrom(...prefixes),
    fc.array(fc.constantFrom(...letters), { minLength: 26, maxLength: 26 }),
  )
  .map(([prefix, text]) => `${prefix}_${text.join('')}`);

export const sha256Hex = fc
  .array(fc.constantFrom(...hexDigits), { minLength: 64, maxLength: 64 })
  .map((text) => text.join(''));

/** Any string that can be an id; few of them, so that ops meet. */
const anyId = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('', 'usr_alice', 'dev_1', 'ses_1', 'ü', 'x'.repeat(512)),
  },
  { weight: 2, arbitrary: compactId },
  { weight: 1, arbitrary: sha256Hex },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }) },
);
const instant = fc.integer({ min: 0, max: 2 ** 41 });
const text = fc.oneof(
  fc.constantFrom('', 'laptop', 'Zoë'),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
);

const revokeOp: fc.Arbitrary<RevokeOp> = fc.oneof(
  fc.record({
    op: fc.constant('generation' as const),
    scope: fc.constantFrom('global' as const, 'user' as const, 'device' as const),
    subjectId: anyId,
    value: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.maxSafeNat()),
  }),
  fc.record({ op: fc.constant('ended_session' as const), sid: anyId, expiresAtMs: instant }),
  fc.record({ op: fc.constant('forgotten_session' as const), sid: anyId }),
  fc.record({
    op: fc.constant('block' as const),
    revocationId: anyId,
    kind: fc.constantFrom('everyone', 'user', 'device', 'certificate', 'service', 'edge'),
    subjectId: anyId,
    expiresAtMs: fc.option(instant),
  }),
  fc.record({
    op: fc.constant('lifted_block' as const),
    revocationId: anyId,
    kind: fc.constantFrom('everyone', 'user', 'device', 'certificate', 'service', 'edge'),
    subjectId: anyId,
  }),
);

const signalOp: fc.Arbitrary<SignalOp> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('signal' as const),
      subject: fc.constantFrom('user' as const, 'device' as const, 'session' as const),
      subjectId: anyId,
      name: fc.constantFrom('risk', 'last-place', 'travel'),
      value: text,
      observedAtMs: instant,
      expiresAtMs: instant,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('deleted_signal' as const),
      subject: fc.constantFrom('user' as const, 'device' as const, 'session' as const),
      subjectId: anyId,
      name: fc.constantFrom('risk', 'last-place', 'travel'),
    }),
  },
);

const postureFact = fc.record({
  name: fc.constantFrom('disk-encrypted', 'os', 'os-patch-age-days', 'x'.repeat(63)),
  value: fc.oneof(
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value)),
    fc.constantFrom('', 'macos', 'Größe', 'x'.repeat(1_024)),
  ),
  observedAtMs: instant,
});
const posture = fc
  .uniqueArray(postureFact, { selector: ({ name }) => name, maxLength: 4 })
  .map((facts) => facts.sort((a, b) => (a.name < b.name ? -1 : 1)));
const employment = fc.record({
  class: fc.constantFrom('employee' as const, 'contractor' as const),
  endsAtMs: fc.option(instant),
});

const directoryOp: fc.Arbitrary<DirectoryOp> = fc.oneof(
  fc.record({
    op: fc.constant('user' as const),
    id: anyId,
    email: text,
    displayName: text,
    status: fc.constantFrom('active' as const, 'suspended' as const),
    groups: fc.array(text, { maxLength: 5 }),
    employment: fc.option(employment),
  }),
  fc.record({ op: fc.constant('deleted_user' as const), id: anyId }),
  fc.record({
    op: fc.constant('device' as const),
    id: anyId,
    name: text,
    managed: fc.boolean(),
    ownerUserId: fc.option(anyId.filter((id) => id !== '')),
    posture,
  }),
  fc.record({ op: fc.constant('deleted_device' as const), id: anyId }),
  fc.record({
    op: fc.constant('device_certificate' as const),
    sha256: anyId,
    deviceId: anyId,
    notBeforeMs: fc.oneof(
      instant,
      instant.map((ms) => ms - (ms % 1_000)),
    ),
    notAfterMs: instant.map((ms) => ms - (ms % 1_000)),
  }),
  fc.record({ op: fc.constant('deleted_device_certificate' as const), sha256: anyId }),
);

/** Any op of the lane. */
export const opOf: Readonly<Record<RowLane, fc.Arbitrary<RowOp>>> = {
  revoke: revokeOp,
  signals: signalOp,
  directory: directoryOp,
};
