import { addressGroup } from '../address-group.ts';
import type { Asserted } from '../exchange.ts';

/**
 * Who takes a place at an upstream: the user; where nobody is signed in, the device, such as that of a
 * workload; without one, whoever else comes from the same address.
 */
export function principalOf({ facts: { user, device }, sourceAddress }: Asserted): string {
  if (user.kind !== 'none') return user.id;
  if (device.kind === 'known') return device.id;
  if (device.kind === 'unenrolled') return device.certificateSha256;
  return addressGroup(sourceAddress);
}
