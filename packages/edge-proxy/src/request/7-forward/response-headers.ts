import { clearCookie, sessionCookie, setsOwnCookie } from '../cookies.ts';
import { corsFamily, corsLines } from '../cors/lines.ts';
import type { Asserted } from '../exchange.ts';
import { headerName } from '../headers.ts';
import { passedFields } from '../limits/fields.ts';

/** Headers as undici gives them: lower-case names; more than one line as a list. */
export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** A length with these is one too many, for who frames by it: RFC 9110, sections 8.6 and 15.3.6. */
const withoutContent: ReadonlySet<number> = new Set([204, 205]);

/** Would lead clients around us. */
const droppedNames = new Set(['alt-svc']);

/**
 * The header lines for the client: the upstream's, without what is between neighbours, reserved or
 * a cookie of ours, edited as the route says, and our id for the request. Name, value, name, value.
 */
export function clientHeaders(value: Asserted, status: number, headers: ResponseHeaders): string[] {
  const { cors, headers: edits } = value.route;
  const { removed, added } = edits.response;
  const lines: string[] = [];
  const tokens = headers['connection'] === undefined ? null : tokensOf(headers['connection']);
  for (const spelling in headers) {
    const line = headers[spelling];
    const name = headerName(spelling);
    if (line === undefined || name.hopByHop || name.reserved) continue;
    if (removed.has(name.folded)) continue;
    if (withoutContent.has(status) && name.lower === 'content-length') continue;
    if (cors !== null && name.folded.startsWith(corsFamily)) continue;
    // There is nothing that it could be the length of: RFC 9110, section 8.6.
    if (name.lower === 'content-length' && bodyless(status)) continue;
    if (droppedNames.has(name.lower) || tokens?.includes(name.lower) === true) continue;
    if (name.lower === 'set-cookie') pushCookies(lines, line);
    else if (typeof line === 'string') lines.push(spelling, line);
    else for (const one of line) lines.push(spelling, one);
  }
  if (added.length > 0) lines.push(...added);
  if (cors !== null) lines.push(...corsLines(cors, value.head.origin));
  lines.push('Sallyport-Request-Id', value.correlationId);
  // Beside those of the upstream, if it has any: both are lists.
  if (value.counted !== undefined) lines.push(...passedFields(value));
  if (value.cookieRefused) lines.push('Set-Cookie', clearCookie(sessionCookie));
  return lines;
}

function bodyless(status: number): boolean {
  return status < 200 || status === 204;
}

/** About the message or the way it came (RFC 9110, section 6.5.1): nothing that may come behind it. */
const neverTrailers: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expires',
  'host',
  'location',
  'retry-after',
  'set-cookie',
  'vary',
  'warning',
  'www-authenticate',
]);

/**
 * The lines behind the body for the client: the upstream's, by the rules for headers, and none of which
 * something could be made that belongs in front of it. Name, value, name, value.
 */
export function clientTrailers(value: Asserted, trailers: ResponseHeaders): string[] {
  const { cors, headers } = value.route;
  const lines: string[] = [];
  for (const spelling in trailers) {
    const line = trailers[spelling];
    const name = headerName(spelling);
    if (line === undefined || name.hopByHop || name.reserved) continue;
    if (headers.response.removed.has(name.folded) || neverTrailers.has(name.folded)) continue;
    if (cors !== null && name.folded.startsWith(corsFamily)) continue;
    if (droppedNames.has(name.lower)) continue;
    for (const one of typeof line === 'string' ? [line] : line) lines.push(spelling, one);
  }
  return lines;
}

function pushCookies(lines: string[], cookies: string | string[]): void {
  for (const cookie of typeof cookies === 'string' ? [cookies] : cookies) {
    if (!setsOwnCookie(cookie)) lines.push('set-cookie', cookie);
  }
}

function tokensOf(connection: string | string[]): string[] | null {
  if (connection === 'keep-alive' || connection === 'close') return null;
  const text = typeof connection === 'string' ? connection : connection.join(',');
  const tokens = text
    .toLowerCase()
    .split(',')
    .map((token) => token.trim());
  const named = tokens.filter((token) => token !== 'keep-alive' && token !== 'close');
  // `Connection: content-length` would take the framing away from what we pass on.
  return named.length === 0 ? null : named.filter((token) => token !== 'content-length');
}
