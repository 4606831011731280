import { isIP } from 'node:net';
import { childrenOf, contextTag, type DerNode, expectTag, readDer, tags } from './der.ts';

/** Subject alternative names, read byte by byte. */
export interface AlternativeNames {
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  readonly ipAddresses: readonly string[];
  /**
   * A name holds a NUL, a control, a space, a comma or something else that another parser could
   * read as two names. Such a certificate is refused, whatever its other names are.
   */
  readonly odd: boolean;
}

export const noNames: AlternativeNames = { dnsNames: [], uris: [], ipAddresses: [], odd: false };

const dnsName =
  /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i;
/** The characters of RFC 3986 without the comma and the quote, which printed forms give meaning. */
const uri = /^[a-z][a-z0-9+.-]*:[a-z0-9._~:/?#[\]@!$&()*+;=%-]+$/i;
const email = /^[a-z0-9.!#$%&*+/=?^_{|}~-]+@[a-z0-9.-]+$/i;

const rfc822Tag = contextTag(1, false);
const dnsTag = contextTag(2, false);
const uriTag = contextTag(6, false);
const ipTag = contextTag(7, false);

/** Reads the value of a subjectAltName extension (RFC 5280, 4.2.1.6). Throws DerError. */
export function readAlternativeNames(value: Uint8Array): AlternativeNames {
  const names = childrenOf(expectTag(readDer(value), tags.sequence));
  const text = (tag: number): string[] =>
    names
      .filter((name) => name.tag === tag)
      .map((name) => Buffer.from(name.content).toString('latin1'));
  const dnsNames = text(dnsTag);
  const uris = text(uriTag);
  const ipAddresses = names.filter((name) => name.tag === ipTag).map(addressOf);
  const plain =
    names.length > 0 &&
    dnsNames.every(isPlainDnsName) &&
    uris.every(isPlainUri) &&
    text(rfc822Tag).every((name) => name.length <= 254 && email.test(name)) &&
    ipAddresses.every((address) => isIP(address) !== 0);
  return { dnsNames, uris, ipAddresses, odd: !plain };
}

/** A DNS name, also with a star as its first label. */
export function isPlainDnsName(name: string): boolean {
  return name.length <= 253 && dnsName.test(name);
}

/** A URI without anything that a printed list of names could mistake for a separator. */
export function isPlainUri(name: string): boolean {
  return name.length <= 2048 && uri.test(name);
}

function addressOf({ content }: DerNode): string {
  if (content.length === 4) return content.join('.');
  if (content.length !== 16) return '';
  const groups = Buffer.from(content).toString('hex').match(/.{4}/g) ?? [];
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':');
}
