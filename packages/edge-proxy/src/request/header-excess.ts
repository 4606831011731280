import type { HeaderLimits } from '@sallyport/shared/http/header-limits';
import { headerName } from './headers.ts';
import { largestCookies } from './legacy.ts';

/** What of a request is larger than it may be, in words that no client chose. */
export interface HeaderExcess {
  readonly code: 'headers_too_large' | 'cookies_too_large';
  readonly bytes: number;
  readonly limit: number;
  /** What takes up most of it; `header` is a known name, or says that it is another one. */
  readonly largest: { readonly header: string; readonly bytes: number };
  /** The cookies of an older proxy that take up most; null: there are none. */
  readonly cookies: { readonly name: string; readonly bytes: number } | null;
}

/** Besides the headers of older proxies, which have names in records. */
const knownNames = new Set([
  'Accept',
  'Accept-Encoding',
  'Accept-Language',
  'Authorization',
  'Baggage',
  'Cookie',
  'If-Match',
  'If-None-Match',
  'Origin',
  'Range',
  'Referer',
  'Sec-WebSocket-Protocol',
  'Tracestate',
  'User-Agent',
  'X-Forwarded-Client-Cert',
  'X-Forwarded-For',
  'X-Requested-With',
]);
const knownByLower = new Map([...knownNames].map((name) => [name.toLowerCase(), name]));
const target = 'the address';
const other = 'a header of an unusual name';

/**
 * Counted alike for every protocol, as RFC 9113, section 6.5.2 does it: 32 bytes a line besides name
 * and value. What a protocol refuses by a limit of its own is no request that could be recorded.
 */
export function headerBytesOf(requestTarget: string, lines: readonly string[]): number {
  let bytes = requestTarget.length + (lines.length / 2) * 32;
  for (const text of lines) bytes += text.length;
  return bytes;
}

/** What of a request is too large by these limits; null: nothing. */
export function headerExcess(
  requestTarget: string,
  lines: readonly string[],
  { bytesMax, cookieBytesMax }: HeaderLimits,
): HeaderExcess | null {
  const bytes = headerBytesOf(requestTarget, lines);
  const cookie = cookiesOf(lines);
  const cookies = largestCookies(cookie);
  if (bytes > bytesMax) {
    const largest = largestOf(requestTarget, lines);
    return { code: 'headers_too_large', bytes, limit: bytesMax, largest, cookies };
  }
  if (cookie.length <= cookieBytesMax) return null;
  const largest = { header: 'Cookie', bytes: cookie.length };
  return {
    code: 'cookies_too_large',
    bytes: cookie.length,
    limit: cookieBytesMax,
    largest,
    cookies,
  };
}

function cookiesOf(lines: readonly string[]): string {
  const found = lines.filter((_, at) => at % 2 === 1 && lines[at - 1]?.toLowerCase() === 'cookie');
  return found.join('; ');
}

/** Lines of one known name are one; each of the others stands for itself. */
function largestOf(requestTarget: string, lines: readonly string[]): HeaderExcess['largest'] {
  const bytesOf = new Map([[target, requestTarget.length]]);
  let unknownMost = 0;
  for (let at = 0; at < lines.length; at += 2) {
    const spelling = lines[at] ?? '';
    const bytes = spelling.length + (lines[at + 1] ?? '').length;
    const name = knownName(spelling);
    if (name === null) unknownMost = Math.max(unknownMost, bytes);
    else bytesOf.set(name, (bytesOf.get(name) ?? 0) + bytes);
  }
  bytesOf.set(other, unknownMost);
  let largest = { header: target, bytes: 0 };
  for (const [header, bytes] of bytesOf) if (bytes > largest.bytes) largest = { header, bytes };
  return largest;
}

/** A name from our own lists, never as the client spelt it. */
function knownName(spelling: string): string | null {
  const { lower, legacy } = headerName(spelling);
  return knownByLower.get(lower) ?? legacy?.slice('header:'.length) ?? null;
}
