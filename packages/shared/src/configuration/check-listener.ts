import { parseHostPattern } from '@sallyport/policy';
import type { SettingsDocument } from './documents.ts';
import type { Complain } from './references.ts';

/** The policy of hosts that no other one lists. */
const defaultName = 'default';

/** Each policy for TLS has a name of its own and hosts that no other one has. */
export function checkListener(
  listener: SettingsDocument['spec']['listener'],
  complain: Complain,
): void {
  const names = new Set([defaultName]);
  const owners = new Map<string, string>();
  for (const [index, { name, hosts }] of (listener?.tlsPolicies ?? []).entries()) {
    const at = `/spec/listener/tlsPolicies/${index}`;
    if (name === defaultName) {
      complain(`${at}/name`, 'is the name of the policy of all hosts that are not listed');
    } else if (names.has(name)) complain(`${at}/name`, `another policy is named ${name}`);
    names.add(name);
    for (const [entry, host] of hosts.entries()) {
      const path = `${at}/hosts/${entry}`;
      if (parseHostPattern(host) === null) {
        complain(path, 'must be a DNS name, or *. and a DNS name');
        continue;
      }
      const owner = owners.get(host);
      if (owner !== undefined) complain(path, `is a host of ${owner} already`);
      owners.set(host, name);
    }
  }
}
