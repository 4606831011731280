import type { DeviceFacts } from '@sallyport/policy';
import type { CurrentState, LiveBundle } from '../../state/current.ts';
import type { ClientConnection, KnownDevice } from '../exchange.ts';
import { forwards } from '../forwards.ts';
import type { CertificateChecks } from './certificate-checks.ts';

const none: DeviceFacts = { kind: 'none' };

/**
 * Who the device of a connection is, asked anew for each request: by the certificate's fingerprint,
 * else by the device named in a certificate of our own authority. What a header says about a
 * certificate is never looked at, and the certificate of a front proxy that forwards for many is
 * none of theirs.
 */
export function deviceFacts(
  state: CurrentState,
  checks: CertificateChecks,
  bundle: LiveBundle,
  connection: ClientConnection,
  nowMs: number,
): DeviceFacts {
  const { peer } = connection;
  if (peer === null || forwards(connection, bundle.settings.frontProxies)) return none;
  const certificateSha256 = peer.sha256;
  const check = checks.check(peer, bundle.deviceAuthorities, nowMs);
  if (check.problem !== null) return { kind: 'bad', problem: check.problem, certificateSha256 };
  const row = state.deviceByCertificate(certificateSha256);
  const id = row === null ? check.namedDeviceId : row.deviceId;
  const device = id === null ? null : state.device(id);
  if (device === null) return { kind: 'unenrolled', certificateSha256 };
  const blocked = blockOf(state, bundle, device.id, certificateSha256, nowMs);
  const { validUntilMs } = check;
  const last = connection.lastDevice;
  const isSame = last?.device === device && last.validUntilMs === validUntilMs;
  if (isSame && last.facts.blocked === blocked) return last.facts;
  const facts: KnownDevice = {
    kind: 'known',
    id: device.id,
    managed: device.managed,
    ownerUserId: device.ownerUserId,
    certificateSha256,
    certificateNotBeforeMs: peer.notBeforeMs,
    certificateNotAfterMs: validUntilMs,
    posture: device.posture,
    blocked,
  };
  connection.lastDevice = { device, validUntilMs, facts };
  return facts;
}

/** A device that stands for a service is blocked with it. What is no clear no is a yes. */
function blockOf(
  state: CurrentState,
  bundle: LiveBundle,
  deviceId: string,
  certificateSha256: string,
  nowMs: number,
): 'device' | 'certificate' | 'service' | null {
  if (state.block('device', deviceId, nowMs) !== false) return 'device';
  if (state.block('certificate', certificateSha256, nowMs) !== false) return 'certificate';
  const service = bundle.policy.serviceOf(deviceId);
  return service !== null && state.block('service', service, nowMs) !== false ? 'service' : null;
}
