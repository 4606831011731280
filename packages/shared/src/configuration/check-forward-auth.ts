import { parseHostPattern } from '@sallyport/policy';
import type { SettingsDocument } from './documents.ts';
import type { Complain } from './references.ts';

/** Each name and each certificate once, so that it is certain who asks, and hosts that can be. */
export function checkForwardAuth(
  { forwardAuth }: SettingsDocument['spec'],
  complain: Complain,
): void {
  const names = new Set<string>();
  const certificates = new Set<string>();
  for (const [index, proxy] of (forwardAuth?.proxies ?? []).entries()) {
    const path = `/spec/forwardAuth/proxies/${index}`;
    if (names.has(proxy.name)) complain(`${path}/name`, `${proxy.name} stands in the list twice`);
    names.add(proxy.name);
    for (const [at, certificate] of proxy.certificates.entries()) {
      if (certificates.has(certificate)) {
        complain(`${path}/certificates/${at}`, 'is the certificate of another front proxy');
      }
      certificates.add(certificate);
    }
    for (const [at, host] of proxy.hosts.entries()) {
      if (parseHostPattern(host) === null) complain(`${path}/hosts/${at}`, 'must be a DNS name');
    }
  }
}
