import { formatAddress, parseAddress } from '@sallyport/policy';

/** The /24 of an IPv4 address, the /48 of an IPv6 address; empty: it is no address. */
export function shortenedAddress(text: string): string {
  const address = parseAddress(text);
  if (address === null) return '';
  const [first, second, , last] = address.words;
  if (address.family === 4) {
    return `${formatAddress({ family: 4, words: [0, 0, 0, (last & 0xffffff00) >>> 0] })}/24`;
  }
  return `${formatAddress({ family: 6, words: [first, (second & 0xffff0000) >>> 0, 0, 0] })}/48`;
}
