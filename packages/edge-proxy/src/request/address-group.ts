import { formatAddress, parseAddress } from '@sallyport/policy';

/** An IPv4 address, or the /64 of one of IPv6: who has one address there has them all. */
export function addressGroup(text: string): string {
  if (!text.includes(':')) return text;
  const address = parseAddress(text);
  if (address === null || address.family === 4) return text;
  const [first, second] = address.words;
  return `${formatAddress({ family: 6, words: [first, second, 0, 0] })}/64`;
}
