import { type Network, networkContains, parseNetwork } from '../address.ts';
import { complain, type Place, readEntries } from '../read.ts';
import type { Truth } from '../truth.ts';
import type { View } from '../view.ts';
import type { ConditionKind } from './condition.ts';

/** `sourceNetworks`: the request comes from one of these. Unknown where its address is unreadable. */
export const sourceNetworks: ConditionKind = {
  compile(value, place) {
    const networks = readEntries(value, place, readNetwork);
    if (networks === null) return null;
    return {
      field: 'sourceNetworks',
      steps: Math.ceil(networks.length / 4),
      holds: (view) => isWithin(networks, view),
      reason: () => 'network_other',
      fact: () => 'sourceAddress',
    };
  },
};

function readNetwork(value: unknown, place: Place): Network | null {
  const network = typeof value === 'string' ? parseNetwork(value) : null;
  return (
    network ??
    complain(place, 'must be a network such as 10.0.0.0/8, with no bits set beyond its prefix')
  );
}

function isWithin(networks: readonly Network[], view: View): Truth {
  const address = view.sourceAddress();
  if (address === null) return 'unknown';
  for (const network of networks) if (networkContains(network, address)) return 'true';
  return 'false';
}
