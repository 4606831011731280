import { domainToASCII, domainToUnicode } from 'node:url';
import { canonicalAddress, canonicalHost, type Network } from '@sallyport/policy';
import { addressAllowed } from '../network/internal.ts';
import { isLocalhost } from '../network/lookup.ts';

/**
 * URLs that a configuration may name. They are taken apart here by hand, because URL parsers turn
 * `0`, `0x7f.1` and full-width dots into addresses and so hide what was written (abuse rows 25 and
 * 127). Each function gives a sentence that follows the name of the field, or null.
 */

interface Parts {
  readonly scheme: string;
  readonly host: string;
  readonly port: string | null;
  /** Path, query and fragment. */
  readonly rest: string;
}

const loopback = '127.0.0.1';

/** `https://host[:port]`, or `http://` where the route says `plainHttp`. */
export function upstreamUrlProblem(
  url: string,
  plainHttp: boolean,
  internal: readonly Network[],
): string | null {
  const parts = take(url);
  if (typeof parts === 'string') return parts;
  if (parts.scheme === 'http' && !plainHttp) return 'must be https, or say plainHttp: true';
  if (parts.scheme === 'https' && plainHttp) return 'is https in a route that says plainHttp: true';
  if (parts.rest !== '')
    return 'must be a scheme, a host and a port, without path, query or fragment';
  return hostProblem(parts.host, internal);
}

/** `https://host[:port][/path]`, spelt as it is spelt in discovery documents. */
export function issuerUrlProblem(url: string, internal: readonly Network[]): string | null {
  const parts = take(url);
  if (typeof parts === 'string') return parts;
  if (parts.scheme !== 'https') return 'must be https';
  if (/[?#]/.test(parts.rest)) return 'must not have a query or fragment';
  const problem = hostProblem(parts.host, internal);
  if (problem !== null) return problem;
  const href = URL.canParse(url) ? new URL(url).href : '';
  return href === url || href === `${url}/` ? null : `is ambiguous; write ${href || 'another URL'}`;
}

/** `https://host[:port][/path][?query]`: where something is sent. */
export function targetUrlProblem(url: string, internal: readonly Network[]): string | null {
  const parts = take(url);
  if (typeof parts === 'string') return parts;
  if (parts.scheme !== 'https') return 'must be https';
  if (parts.rest.includes('#')) return 'must not have a fragment';
  const problem = hostProblem(parts.host, internal);
  if (problem !== null) return problem;
  const href = URL.canParse(url) ? new URL(url).href : '';
  return href === url || href === `${url}/` ? null : `is ambiguous; write ${href || 'another URL'}`;
}

/** `scheme://host[:port]` as browsers write it into Origin. */
export function originProblem(origin: string): string | null {
  const parts = take(origin);
  if (typeof parts === 'string') return parts;
  const written = URL.canParse(origin) ? new URL(origin).origin : '';
  // To a URL a star is a character of a name; whoever writes one means more than that.
  return written === origin && !origin.includes('*')
    ? null
    : 'must be an origin: scheme, host and port, as browsers write it';
}

/** A host: a plain DNS name, or an address in its usual form that is public or listed. */
export function hostProblem(host: string, internal: readonly Network[]): string | null {
  const bare = host.startsWith('[') ? host.slice(1, -1) : host;
  const address = canonicalAddress(bare);
  // Brackets are for IPv6 alone, and without them its colons would be a port.
  if (address !== null && host.startsWith('[') === bare.includes(':')) {
    if (address !== bare) return `must have its address written as ${address}`;
    return addressAllowed(address, internal) ? null : unlisted(address);
  }
  if (canonicalHost(host) !== host || !isWholePunycode(host)) {
    return 'must have a host of a to z, 0 to 9, hyphens and dots, or an IP address in its usual form';
  }
  return isLocalhost(host) && !addressAllowed(loopback, internal) ? unlisted(loopback) : null;
}

/** Whether every xn-- label stands for a name, and for no other label. */
function isWholePunycode(host: string): boolean {
  const name = domainToUnicode(host);
  return !/(^|\.)xn--/.test(name) && domainToASCII(name) === host;
}

function unlisted(address: string): string {
  return `leads to ${address}, which is in no network of Settings /spec/network/internal`;
}

function take(url: string): Parts | string {
  const [, scheme, authority = '', rest = ''] = /^(https?):\/\/([^/?#\\]*)(.*)$/s.exec(url) ?? [];
  if (scheme === undefined) return 'must start with https://';
  if (authority.includes('@')) return 'must not have a user name or password';
  const match = /^(\[[0-9A-Fa-f:.]*\]|[^:[\]]*)(?::(\d{0,6}))?$/.exec(authority);
  const [, host = '', port] = match ?? [];
  if (host === '') return 'must have a host';
  if (port !== undefined && !/^[1-9]\d{0,4}$/.test(port)) return 'must have a port from 1 to 65535';
  if (Number(port ?? 1) > 65_535) return 'must have a port from 1 to 65535';
  return { scheme, host, port: port ?? null, rest };
}
