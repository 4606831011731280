import { assertionHeader } from '@sallyport/shared/assertion/claims';
import type { TargetConfig } from '../../state/current.ts';
import { cookiesForUpstream } from '../cookies.ts';
import type { Asserted } from '../exchange.ts';
import { isContinued } from '../trace.ts';
import { remaining } from './edits.ts';
import { pushForwarded } from './forwarded.ts';

/**
 * The header lines for the upstream: what the client sent, without what is between neighbours,
 * reserved or ours, and edited as the route says; then what we say, last and once. Name, value, name,
 * value.
 */
export function upstreamHeaders(value: Asserted, target: TargetConfig): string[] {
  const { head, route, assertion } = value;
  const { removed, added } = route.headers.request;
  const lines = remaining(head.passing, removed);
  if (added.length > 0) lines.push(...added);
  const cookie = cookiesForUpstream(head.cookies, route.cookies);
  if (cookie !== null) lines.push('cookie', cookie);
  if (head.contentLength !== null) lines.push('content-length', String(head.contentLength));
  const { tracestate } = head;
  if (
    tracestate !== null &&
    !removed.has('tracestate') &&
    isContinued(head.traceparent, value.traceparent)
  ) {
    lines.push('tracestate', tracestate);
  }
  if (target.http2 && head.takesTrailers) lines.push('te', 'trailers');
  if (assertion !== null) lines.push(assertionHeader, assertion);
  lines.push(
    'host',
    route.upstream.way.host === 'preserve' ? head.authority : hostOf(target),
    'Sallyport-Request-Id',
    value.correlationId,
    'traceparent',
    value.traceparent,
  );
  pushForwarded(lines, value.sourceAddress, head.authority);
  return lines;
}

/**
 * Whether the application may take all that comes later on the connection for the same user: with these
 * schemes it knows connections by who signed in on them, not requests.
 */
export function bindsConnection(lines: readonly string[]): boolean {
  for (let at = 0; at < lines.length; at += 2) {
    const name = lines[at] ?? '';
    if (name.length !== authorization.length || name.toLowerCase() !== authorization) continue;
    if (bindingSchemes.test(lines[at + 1] ?? '')) return true;
  }
  return false;
}

const authorization = 'authorization';
const bindingSchemes = /^[\t ]*(?:ntlm|negotiate)(?![^\t ])/i;

/** As it stands in Host: the port only where it is not the usual one. */
export function hostOf({ protocol, hostname, port }: TargetConfig): string {
  const name = hostname.includes(':') ? `[${hostname}]` : hostname;
  const usual = protocol === 'https:' ? 443 : 80;
  return port === usual ? name : `${name}:${port}`;
}
