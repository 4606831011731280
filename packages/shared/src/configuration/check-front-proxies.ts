import { type Network, networkContains, parseNetwork } from '@sallyport/policy';
import type { SettingsDocument } from './documents.ts';

type FrontProxies = NonNullable<NonNullable<SettingsDocument['spec']['network']>['frontProxies']>;

/** Networks that can be read, and one protocol for each address. */
export function checkFrontProxies(
  fronts: FrontProxies,
  complain: (path: string, message: string) => void,
): void {
  const read: { readonly network: Network; readonly text: string; readonly protocol: string }[] =
    [];
  for (const [index, { networks, protocol }] of fronts.entries()) {
    for (const [at, text] of networks.entries()) {
      const field = `/spec/network/frontProxies/${index}/networks/${at}`;
      const network = parseNetwork(text);
      if (network === null) {
        complain(field, 'must be a network such as 10.0.0.0/8, without bits beyond its length');
        continue;
      }
      const other = read.find(
        (before) => before.protocol !== protocol && overlap(before.network, network),
      );
      if (other === undefined) read.push({ network, text, protocol });
      else complain(field, `overlaps ${other.text}, whose front proxies speak ${other.protocol}`);
    }
  }
}

/** Of two networks that share an address one has the other's first. */
function overlap(one: Network, other: Network): boolean {
  return networkContains(one, other) || networkContains(other, one);
}
