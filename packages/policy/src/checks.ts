import type { ReasonCode } from './reasons.ts';
import type { KnownUser, View } from './view.ts';

/** What is refused whatever the rules say: the reason, or null to go on. */
export interface Check {
  readonly name: string;
  readonly refuses: (view: View) => ReasonCode | null;
}

/** In this order; the first that refuses decides. */
export const checks: readonly Check[] = [
  { name: 'device_certificate', refuses: badCertificate },
  { name: 'lockdown', refuses: ({ facts }) => (facts.lockdown === false ? null : 'lockdown') },
  { name: 'device', refuses: badDevice },
  { name: 'session_device', refuses: otherDevice },
  { name: 'user', refuses: badUser },
];

/** A certificate that is presented and bad is never the same as none. */
function badCertificate({ facts }: View): ReasonCode | null {
  const { device, nowMs } = facts;
  if (device.kind === 'bad') {
    if (device.problem === 'expired') return 'device_certificate_expired';
    return device.problem === 'unsuitable'
      ? 'device_certificate_unsuitable'
      : 'device_certificate_untrusted';
  }
  if (device.kind !== 'known') return null;
  // It was good when the connection began; connections live longer than that.
  return nowMs < device.certificateNotAfterMs ? null : 'device_certificate_expired';
}

function badDevice({ facts: { device } }: View): ReasonCode | null {
  switch (device.kind) {
    case 'none':
      return null;
    case 'known':
      if (device.blocked === null) return null;
      return reasonOfBlock(device.blocked);
    case 'unenrolled':
      return 'device_unknown';
    case 'bad':
      return 'device_certificate_untrusted';
    default:
      // A record of a later version may say what this one does not know.
      device satisfies never;
      return 'fact_missing';
  }
}

/** What a later version may block says no less. */
function reasonOfBlock(blocked: 'device' | 'certificate' | 'service'): ReasonCode {
  if (blocked === 'certificate') return 'certificate_revoked';
  return blocked === 'service' ? 'service_revoked' : 'device_revoked';
}

/** A session that was made on a device holds on that device alone. */
function otherDevice({ facts: { device }, session }: View): ReasonCode | null {
  if (session === null || session.deviceId === null) return null;
  if (device.kind !== 'known') return 'device_certificate_missing';
  return device.id === session.deviceId ? null : 'session_other_device';
}

function badUser({ facts, session, user }: View): ReasonCode | null {
  if (session === null) return null;
  if (user === null) return 'user_unknown';
  if (user.blocked) return 'user_revoked';
  if (user.status !== 'active') return 'user_suspended';
  return facts.nowMs < employmentEndMs(user) ? null : 'employment_ended';
}

/** When the user's employment ends; Infinity: never, as far as is known. */
export function employmentEndMs({ employment }: KnownUser): number {
  return employment?.endsAtMs ?? Number.POSITIVE_INFINITY;
}
