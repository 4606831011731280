import {
  canonicalHost,
  canonicalPath,
  type DeviceFacts,
  durationMs,
  type Facts,
  type PathProblem,
  type SessionFacts,
  type UserFacts,
} from '@sallyport/policy';
import type { DocumentTest } from '../documents.ts';

/**
 * The instant at which a test is decided that says none: a Wednesday at noon, UTC. Never the time of
 * the day, so that the same documents give the same result whenever they are tried, and nobody is
 * kept from going back to an older version because a date has passed since.
 */
export const testTime = '2026-01-07T12:00:00Z';

const nobody = { kind: 'none' } as const;
const userId = `usr_${'0'.repeat(26)}`;
const deviceId = `dev_${'0'.repeat(26)}`;
const dayMs = 86_400_000;
const sessionLeftMs = 8 * 3_600_000;
const sourceAddress = '203.0.113.10';

export type TestFacts = { readonly facts: Facts } | { readonly refused: PathProblem | 'host' };

/**
 * What a test says, as an edge would see it. Only the headers named in `headerNames` are facts.
 * `refused`: an edge would refuse the address before anything is decided.
 */
export function factsOf(test: DocumentTest, headerNames: readonly string[]): TestFacts {
  const nowMs = Date.parse(test.at ?? testTime);
  const target = readUrl(test.request.url);
  if ('refused' in target) return target;
  const user = userOf(test);
  const device = deviceOf(test, nowMs);
  return {
    facts: {
      nowMs,
      request: {
        method: test.request.method ?? 'GET',
        ...target,
        headers: headersOf(test, headerNames),
      },
      sourceAddress: test.from ?? sourceAddress,
      device,
      session: sessionOf(test, user, device, nowMs),
      user,
      place: placeOf(test),
      risk:
        test.risk === undefined
          ? null
          : { score: test.risk.score, signals: test.risk.signals ?? [], untilMs: null },
      lockdown: false,
      staleness: { revokeMs: 0, signalsMs: 0, configMs: 0, directoryMs: 0 },
    },
  };
}

/** Host and path of a URL as an edge reads them. */
export function readUrl(
  url: string,
): { readonly host: string; readonly path: string } | { readonly refused: PathProblem | 'host' } {
  // By hand: the URL class would put right what an edge refuses.
  const [, authority = '', target = ''] = /^https:\/\/([^/?#]*)([^?#]*)/.exec(url) ?? [];
  const host = canonicalHost(authority.replace(/:[0-9]{1,5}$/, ''));
  if (host === null) return { refused: 'host' };
  const path = canonicalPath(target === '' ? '/' : target);
  return path.ok ? { host, path: path.path } : { refused: path.problem };
}

function userOf({ user }: DocumentTest): UserFacts {
  if (user === undefined) return nobody;
  const { employment } = user;
  return {
    kind: 'known',
    id: user.id ?? userId,
    email: user.email,
    groups: user.groups ?? [],
    status: user.suspended === true ? 'suspended' : 'active',
    blocked: user.blocked ?? false,
    employment:
      employment === undefined
        ? null
        : {
            class: employment.class,
            endsAtMs: employment.endsAt === undefined ? null : Date.parse(employment.endsAt),
          },
  };
}

function deviceOf({ device, user }: DocumentTest, nowMs: number): DeviceFacts {
  if (device === undefined || device === null) return nobody;
  return {
    kind: 'known',
    id: device.id ?? deviceId,
    managed: device.managed ?? false,
    ownerUserId: device.ownedByUser === true ? (user?.id ?? userId) : null,
    certificateSha256: '00'.repeat(32),
    certificateNotBeforeMs: nowMs - ago(device.certificateAge, dayMs),
    certificateNotAfterMs: nowMs + 365 * dayMs,
    posture: (device.posture ?? []).map(({ name, value, age }) => ({
      name,
      value,
      observedAtMs: nowMs - ago(age, 0),
    })),
    blocked: device.blocked ?? null,
  };
}

/** Who is given as a user is signed in, on the device of the request if there is one. */
function sessionOf(
  { session }: DocumentTest,
  user: UserFacts,
  device: DeviceFacts,
  nowMs: number,
): SessionFacts {
  if (user.kind !== 'known') return nobody;
  return {
    kind: 'live',
    sid: `ses_${'0'.repeat(26)}`,
    userId: user.id,
    deviceId: device.kind === 'known' && session?.withoutDevice !== true ? device.id : null,
    authenticatedAtMs: nowMs - ago(session?.authenticatedAgo, 60_000),
    amr: session?.amr ?? ['pwd'],
    expiresAtMs: nowMs + sessionLeftMs,
  };
}

/** What is not said of a place is not known; without a word of a way out, there is none. */
function placeOf({ country, region, asn, egress }: DocumentTest): Facts['place'] {
  return {
    country: country ?? null,
    region: region ?? null,
    asn: asn ?? null,
    egress: egress ?? '',
  };
}

function headersOf(
  { headers }: DocumentTest,
  names: readonly string[],
): Readonly<Record<string, readonly string[]>> {
  const given = Object.entries(headers ?? {}).filter(([name]) => names.includes(name));
  return Object.fromEntries(
    given.map(([name, value]) => [name, typeof value === 'string' ? [value] : value]),
  );
}

function ago(duration: string | undefined, usualMs: number): number {
  return duration === undefined ? usualMs : (durationMs(duration) ?? usualMs);
}
