import { canonicalAddress, formatAddress, parseNetwork } from '@sallyport/policy';
import type { RecordFilter } from '../../store/records/filter.ts';
import { badField, contradiction, instantAt } from '../http/problems.ts';
import type { FilterQuery } from './schemas.ts';

/** What a query asks for. Throws for an address, an instant or a span that is none. */
export function filterOf({ from, to, address, ...plain }: FilterQuery): RecordFilter {
  const fromMs = from === undefined ? undefined : instantAt(from, '?from');
  const toMs = to === undefined ? undefined : instantAt(to, '?to');
  if (fromMs !== undefined && toMs !== undefined && fromMs > toMs) {
    throw contradiction('?from', 'must not be after `to`');
  }
  return {
    ...plain,
    ...(address === undefined ? {} : { address: addressOf(address) }),
    ...(fromMs === undefined ? {} : { fromMs }),
    ...(toMs === undefined ? {} : { toMs }),
  };
}

function addressOf(text: string): string {
  const network = parseNetwork(text);
  const found =
    network === null ? canonicalAddress(text) : `${formatAddress(network)}/${network.prefix}`;
  if (found === null)
    throw badField('?address', 'must be an address, or a network like 10.0.0.0/8');
  return found;
}
