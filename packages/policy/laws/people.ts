import fc, { type Arbitrary } from 'fast-check';
import type { DeviceFacts, Facts, SessionFacts, UserFacts } from '../src/index.ts';
import { amr, groupNames, mostly, nowMs, postureNames, postureValues, userIds } from './words.ts';

const aroundNow = fc.constantFrom(-1e7, -900_000, -1, 0, 1, 300_000, 1e7).map((by) => nowMs + by);

const devices: Arbitrary<DeviceFacts> = fc.oneof(
  { weight: 10, arbitrary: fc.constant({ kind: 'none' } as const) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('bad' as const),
      problem: fc.constantFrom('expired', 'not_yet_valid', 'untrusted', 'unsuitable'),
      certificateSha256: fc.constant('00'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('unenrolled' as const),
      certificateSha256: fc.constant('00'),
    }),
  },
  {
    weight: 30,
    arbitrary: fc.record({
      kind: fc.constant('known' as const),
      id: fc.constantFrom('d-1', 'd-2', 'd-3'),
      managed: fc.boolean(),
      ownerUserId: fc.option(fc.constantFrom(...userIds), { nil: null }),
      certificateSha256: fc.constant('00'),
      certificateNotAfterMs: fc.oneof(
        { weight: 19, arbitrary: fc.constant(nowMs + 1e9) },
        aroundNow,
      ),
      blocked: fc.oneof(
        { weight: 29, arbitrary: fc.constant(null) },
        fc.constantFrom('device' as const, 'certificate' as const, 'service' as const),
      ),
      certificateNotBeforeMs: aroundNow,
      posture: fc.uniqueArray(
        fc.record({
          name: fc.constantFrom(...postureNames),
          value: fc.constantFrom(...postureValues, 14, '13'),
          observedAtMs: aroundNow,
        }),
        { selector: ({ name }) => name, maxLength: 2 },
      ),
    }),
  },
);

function sessionsOn(device: DeviceFacts): Arbitrary<SessionFacts> {
  const its = device.kind === 'known' ? device.id : null;
  return fc.oneof(
    { weight: 5, arbitrary: fc.constant({ kind: 'none' } as const) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('ended' as const),
        why: fc.constantFrom('revoked', 'expired'),
      }),
    },
    {
      weight: 20,
      arbitrary: fc.record({
        kind: fc.constant('live' as const),
        sid: fc.constant('s'),
        userId: fc.constantFrom(...userIds),
        deviceId: fc.constantFrom(its, its, its, its, its, null, 'd-2'),
        authenticatedAtMs: aroundNow,
        amr: fc.subarray([...amr]),
        expiresAtMs: fc.oneof(
          { weight: 19, arbitrary: fc.constant(nowMs + 2e9) },
          { weight: 1, arbitrary: aroundNow },
        ),
      }),
    },
  );
}

function usersOf(session: SessionFacts): Arbitrary<UserFacts> {
  const id = session.kind === 'live' ? session.userId : 'u-1';
  return fc.oneof(
    { weight: 1, arbitrary: fc.constant({ kind: 'none' } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'missing', id } as const) },
    {
      weight: 30,
      arbitrary: fc.record({
        kind: fc.constant('known' as const),
        id: mostly(id, 'u-9'),
        email: fc.constantFrom(`${id}@corp.test`, `${id.toUpperCase()}@CORP.test`),
        groups: fc.subarray([...groupNames]),
        status: mostly<'active' | 'suspended'>('active', 'suspended'),
        blocked: mostly(false, true),
        employment: fc.option(
          fc.record({
            class: fc.constantFrom('employee', 'contractor'),
            endsAtMs: fc.constantFrom(
              null,
              null,
              null,
              nowMs + 2e9,
              nowMs + 2e9,
              nowMs + 2e9,
              nowMs + 1,
            ),
          }),
          { nil: null },
        ),
      }),
    },
  );
}

/** Who asks: a device, a session on it or another, and its user. */
export const sessionsAndUsers: Arbitrary<Pick<Facts, 'device' | 'session' | 'user'>> =
  devices.chain((device) =>
    sessionsOn(device).chain((session) =>
      fc.record({
        device: fc.constant(device),
        session: fc.constant(session),
        user: usersOf(session),
      }),
    ),
  );
