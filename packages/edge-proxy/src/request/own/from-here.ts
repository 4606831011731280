import type { Located } from '../exchange.ts';
import type { OwnNeeds } from './needs.ts';

/**
 * Whether a form was sent from a page of this host. Another site cannot make a browser do it: the
 * cookie is not sent with its forms, and where the form came from is looked at besides.
 */
export function fromHere({ origins }: Pick<OwnNeeds, 'origins'>, { head }: Located): boolean {
  if (head.fetchSite !== '' && head.fetchSite !== 'same-origin') return false;
  const own = [origins.of(head.host), `https://${head.authority}`];
  return head.origin === null || own.includes(head.origin);
}
