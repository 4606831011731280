import { randomBytes } from 'node:crypto';
import type { DeviceFacts, Facts, RequestFacts, UserFacts } from '@sallyport/policy';
import { newId } from '@sallyport/shared/ids';
import type { RowOp } from '@sallyport/shared/state/tables/lane';
import { createLaneTable } from '@sallyport/shared/state/tables/lane-table';
import { StateReader } from '@sallyport/shared/state/tables/reader';
import { teamsOf } from './policy-workload.ts';

const revisionRows = 1_000;
const dayMs = 86_400_000;

/** What a connection and a cookie say about who asks. */
export interface Credentials {
  readonly certificateSha256: string;
  readonly deviceId: string;
  readonly userId: string;
  readonly sid: string;
}

/** Tables of an edge with so many users, each with a managed device of their own. */
export interface Directory {
  readonly count: number;
  credentials(subject: number): Credentials;
  /** The facts of a request, read from the tables in one pass, as an edge's worker does. */
  gather(who: Credentials, request: RequestFacts, nowMs: number): Facts;
}

export function fillDirectory(count: number, nowMs: number): Directory {
  const users = idList(count, () => newId('usr'));
  const devices = idList(count, () => newId('dev'));
  const certificates = idList(count, () => randomBytes(32).toString('hex'));
  const directory = createLaneTable('directory');
  const rowsOf = (subject: number): RowOp[] => [
    {
      op: 'user',
      id: users(subject),
      email: `person-${subject}@corp.test`,
      displayName: `Person ${subject}`,
      status: 'active',
      groups: teamsOf(subject),
      employment: { class: 'employee', endsAtMs: null },
    },
    {
      op: 'device',
      id: devices(subject),
      name: `laptop-${subject}`,
      managed: true,
      ownerUserId: users(subject),
      posture: [{ name: 'disk-encrypted', value: true, observedAtMs: nowMs - dayMs }],
    },
    {
      op: 'device_certificate',
      sha256: certificates(subject),
      deviceId: devices(subject),
      notBeforeMs: nowMs - dayMs,
      notAfterMs: nowMs + 30 * dayMs,
    },
  ];
  for (let from = 0; from < count; from += revisionRows) {
    const length = Math.min(revisionRows, count - from);
    directory.apply(Array.from({ length }, (_, at) => rowsOf(from + at)).flat());
  }
  const lanes = {
    revoke: createLaneTable('revoke').shared(),
    carried: createLaneTable('revoke').shared(),
    signals: createLaneTable('signals').shared(),
    directory: directory.shared(),
  };
  const reader = new StateReader(lanes, () => null);
  return {
    count,
    credentials: (subject) => ({
      certificateSha256: certificates(subject),
      deviceId: devices(subject),
      userId: users(subject),
      sid: newId('ses'),
    }),
    gather: (who, request, at) => reader.pass(() => gather(reader, who, request, at)),
  };
}

function gather(
  reader: StateReader,
  who: Credentials,
  request: RequestFacts,
  nowMs: number,
): Facts {
  const device = deviceFacts(reader, who.certificateSha256, nowMs);
  const { global, user } = reader.generations(who.userId, who.deviceId);
  const isLive = global === 0 && user === 0 && !reader.isSessionEnded(who.sid);
  return {
    nowMs,
    request,
    sourceAddress: '192.0.2.17',
    device,
    session: isLive
      ? {
          kind: 'live',
          sid: who.sid,
          userId: who.userId,
          deviceId: who.deviceId,
          authenticatedAtMs: nowMs - 60_000,
          amr: ['pwd', 'hwk'],
          expiresAtMs: nowMs + 3_600_000,
        }
      : { kind: 'none' },
    user: userFacts(reader, who.userId, nowMs),
    place: null,
    risk: null,
    lockdown: reader.isBlocked('everyone', '', nowMs),
    staleness: { revokeMs: 500, signalsMs: 500, configMs: 500, directoryMs: 500 },
  };
}

function deviceFacts(reader: StateReader, certificateSha256: string, nowMs: number): DeviceFacts {
  const certificate = reader.deviceByCertificate(certificateSha256);
  const device = certificate === null ? null : reader.device(certificate.deviceId);
  if (certificate === null || device === null) return { kind: 'unenrolled', certificateSha256 };
  const isBlocked =
    reader.isBlocked('device', device.id, nowMs) ||
    reader.isBlocked('certificate', certificateSha256, nowMs);
  return {
    kind: 'known',
    id: device.id,
    managed: device.managed,
    ownerUserId: device.ownerUserId,
    certificateSha256,
    certificateNotBeforeMs: certificate.notBeforeMs,
    certificateNotAfterMs: certificate.notAfterMs,
    posture: device.posture,
    blocked: isBlocked ? 'device' : null,
  };
}

function userFacts(reader: StateReader, id: string, nowMs: number): UserFacts {
  const user = reader.user(id);
  if (user === null) return { kind: 'missing', id };
  const { email, groups, status, employment } = user;
  const blocked = reader.isBlocked('user', id, nowMs);
  return { kind: 'known', id, email, groups, status, blocked, employment };
}

/** Keeps the ids in one buffer: millions of strings would be the benchmark's own garbage to collect. */
function idList(count: number, make: () => string): (at: number) => string {
  const length = make().length;
  const bytes = Buffer.alloc(count * length);
  for (let at = 0; at < count; at += 1) bytes.write(make(), at * length, 'latin1');
  return (at) => bytes.toString('latin1', at * length, (at + 1) * length);
}
