import type { Deny, DeviceFacts, ReasonCode } from '@sallyport/policy';
import type { SignInFailure } from '../../worker/request-worker.ts';
import type { Answer } from '../exchange.ts';

/** A refusal by one of our own endpoints, in the words of decisions. */
export function refuseBecause(code: ReasonCode): Answer {
  const decision: Deny = { outcome: 'deny', route: null, reasons: [{ code }], ruleIds: [] };
  return { kind: 'deny', decision };
}

/**
 * Why nobody may sign in from this device, or null. The same reasons for which every request would
 * be denied afterwards: better said before the password than after it.
 */
export function deviceRefusal(device: DeviceFacts, lockdown: boolean): ReasonCode | null {
  if (device.kind === 'bad') {
    if (device.problem === 'expired') return 'device_certificate_expired';
    return device.problem === 'unsuitable'
      ? 'device_certificate_unsuitable'
      : 'device_certificate_untrusted';
  }
  if (lockdown) return 'lockdown';
  if (device.kind === 'unenrolled') return 'device_unknown';
  if (device.kind !== 'known' || device.blocked === null) return null;
  return device.blocked === 'certificate' ? 'certificate_revoked' : 'device_revoked';
}

/** What the control plane's refusal of a sign-in means to the person. */
export function signInRefusal(failure: SignInFailure): Answer {
  switch (failure) {
    case 'refused':
      return { kind: 'notice', code: 'sign_in_refused' };
    case 'state_used':
      return { kind: 'notice', code: 'sign_in_used' };
    case 'provider_unavailable':
      return { kind: 'failed', code: 'sign_in_unavailable' };
    case 'user_blocked':
      return refuseBecause('user_revoked');
    case 'device_blocked':
      return refuseBecause('device_revoked');
    case 'lockdown':
      return refuseBecause('lockdown');
  }
}
