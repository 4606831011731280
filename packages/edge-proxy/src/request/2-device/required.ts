import type { DeviceFacts } from '@sallyport/policy';
import type { LiveBundle } from '../../state/current.ts';
import type { Answer, ClientConnection } from '../exchange.ts';
import { forwards } from '../forwards.ts';

const refusal: Answer = { kind: 'refused', code: 'device_certificate_required' };

/**
 * Why nothing of the host is answered; null: something may be. TLS asks every client for a device
 * certificate and lets those without one through: whether there has to be one is known by host.
 * Whose device it is, and whether that is enough, are questions for the rules.
 */
export function certificateRefusal(
  { settings }: LiveBundle,
  host: string,
  device: DeviceFacts,
): Answer | null {
  if (device.kind !== 'none' && device.kind !== 'bad') return null;
  const { deviceCertificate } = settings.listener.tlsPolicies.of(host);
  return deviceCertificate === 'required' ? refusal : null;
}

/**
 * Whether what is under way on a connection may go on, as far as its policy for TLS is asked, which
 * may have changed. A certificate that has become bad is denied by every decision; none is not.
 */
export function standsByPolicy(
  { settings }: LiveBundle,
  host: string,
  connection: ClientConnection,
): boolean {
  if (!connection.names.covers(host)) return false;
  const { deviceCertificate } = settings.listener.tlsPolicies.of(host);
  if (deviceCertificate !== 'required') return true;
  return connection.peer !== null && !forwards(connection, settings.frontProxies);
}
