/** Our cookies: names, how they are read, how they are set, and how they are kept from upstreams. */

import type { CookieRules } from '../state/current.ts';
import { legacyCookies, legacyFamily } from './legacy.ts';

export const sessionCookie = '__Host-sallyport';
export const signInCookiePrefix = '__Host-sallyport-signin-';
export const returnCookiePrefix = '__Host-sallyport-return-';

/** Our cookies of one kind that are looked at; a browser keeps five. */
const readMax = 8;

export interface Cookie {
  readonly name: string;
  readonly value: string;
}

/** What a Cookie header holds, for us and for the upstream. */
export interface ReadCookies {
  readonly header: string;
  /**
   * The session cookie's value, or null where there is none. Names are compared octet by octet.
   * Empty where it stands twice or holds what we never write: there is a cookie, and it opens nothing.
   */
  readonly session: string | null;
  /** The header without our cookies, everything else byte for byte; null where nothing is left. */
  readonly forUpstream: string | null;
  /** Sessions of older proxies, as they are recorded. */
  readonly legacy: readonly string[];
}

/** Reads a Cookie header once. */
export function readCookieHeader(header: string): ReadCookies {
  return {
    header,
    session: readSession(header),
    forUpstream: withoutOwn(header),
    legacy: legacyCookies(header),
  };
}

function readSession(header: string): string | null {
  if (!header.includes(sessionCookie)) return null;
  const found = pairsOf(header).filter(({ name }) => name === sessionCookie);
  const [first, second] = found;
  if (first === undefined) return null;
  return second === undefined && isSealedText(first.value) ? first.value : '';
}

/** Our cookies whose names begin so, in the order sent, eight at the most. */
export function readCookies(sent: ReadCookies | null, prefix: string): readonly Cookie[] {
  if (sent === null || !sent.header.includes(prefix)) return [];
  return pairsOf(sent.header)
    .filter(({ name }) => name.startsWith(prefix))
    .slice(0, readMax);
}

/**
 * Whether a Set-Cookie line would set or take away one of our cookies. One without a name, `=` and
 * then ours, comes back from a browser as if it were ours (RFC 6265bis, section 5.8.3).
 */
export function setsOwnCookie(line: string): boolean {
  return /^[\t ]*=?[\t ]*__host-sallyport[-=;\t ]/i.test(`${line}=`);
}

/** A Set-Cookie line: for this host alone, never for scripts, not sent from other sites' forms. */
export function setCookie(name: string, value: string, maxAgeSeconds: number): string {
  const attributes = 'Path=/; Secure; HttpOnly; SameSite=Lax';
  return `${name}=${value}; Max-Age=${Math.max(0, Math.floor(maxAgeSeconds))}; ${attributes}`;
}

/** A Set-Cookie line that takes the cookie away. */
export function clearCookie(name: string): string {
  return setCookie(name, '', 0);
}

/**
 * What the upstream of a route gets of the cookies, byte for byte but for those that are taken out;
 * null: none. Those are told by their names octet by octet, as servers read them.
 */
export function cookiesForUpstream(
  cookies: ReadCookies | null,
  rules: CookieRules | null,
): string | null {
  const header = cookies?.forUpstream ?? null;
  if (header === null || rules === null) return header;
  return without(header, (pair) => isRemoved(pair, rules));
}

function isRemoved(pair: string, { legacy, names, beginnings }: CookieRules): boolean {
  const at = pair.indexOf('=');
  // One without a sign is a name to some readers and a value to others.
  const name = bare(at < 0 ? pair : pair.slice(0, at));
  return (
    names.has(name) ||
    beginnings.some((beginning) => name.startsWith(beginning)) ||
    (legacy && legacyFamily(pair) !== null)
  );
}

function withoutOwn(header: string): string | null {
  if (!/__host-sallyport/i.test(header)) return header;
  return without(header, (pair) => /^[\t ]*__host-sallyport[-=\t ]/i.test(`${pair}=`));
}

function without(header: string, removes: (pair: string) => boolean): string | null {
  const kept = header.split(';').filter((pair) => !removes(pair));
  const rest = kept.join(';').replace(/^[\t ]+/, '');
  return rest === '' ? null : rest;
}

function pairsOf(header: string): Cookie[] {
  const pairs: Cookie[] = [];
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=');
    if (at < 0) continue;
    pairs.push({ name: bare(pair.slice(0, at)), value: bare(pair.slice(at + 1)) });
  }
  return pairs;
}

/**
 * Without the spaces around it, and no others: what else `trim` takes for space would turn a name
 * that browsers do not protect into one that they do.
 */
function bare(text: string): string {
  return text.replace(/^[\t ]+|[\t ]+$/g, '');
}

function isSealedText(value: string): boolean {
  return value.length <= 2048 && /^[A-Za-z0-9_.-]+$/.test(value);
}
