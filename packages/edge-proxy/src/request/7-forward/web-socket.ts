import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Answer, Asserted } from '../exchange.ts';
import type { ResponseHeaders } from './response-headers.ts';

/** Joins client and upstream after a handshake; `headers` are the lines for the client. */
export type OpenTunnel = (value: Asserted, upstream: Duplex, headers: readonly string[]) => void;

/** RFC 6455, section 1.3. */
const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * Whether the page that opens the WebSocket may: one of the host itself, one that the route lists,
 * or no page at all. Browsers say where a handshake comes from but send cookies with any (row 96).
 */
function originAllowed({ head, route }: Asserted): boolean {
  if (head.origin === null) return true;
  return (
    head.origin === `https://${head.authority}` || route.webSocket.origins.includes(head.origin)
  );
}

/** Why a handshake goes no further, whoever would forward it; null: it may, or the request is none. */
export function handshakeRefusal(value: Asserted): Answer | null {
  if (value.head.webSocketKey === null) return null;
  if (!originAllowed(value)) return { kind: 'refused', code: 'origin_refused' };
  const { targets } = value.route.upstream.way;
  return targets.some(({ http2 }) => http2) ? { kind: 'failed', code: 'upstream_protocol' } : null;
}

/** Whether the upstream agreed to this very handshake (hardening.md M16). */
export function acceptsHandshake(
  { head }: Asserted,
  status: number,
  headers: ResponseHeaders,
): boolean {
  const expected = createHash('sha1')
    .update(`${head.webSocketKey ?? ''}${magic}`)
    .digest('base64');
  return (
    status === 101 &&
    textOf(headers['upgrade']).toLowerCase() === 'websocket' &&
    textOf(headers['connection'])
      .toLowerCase()
      .split(/[\t ]*,[\t ]*/)
      .includes('upgrade') &&
    headers['sec-websocket-accept'] === expected
  );
}

function textOf(line: string | string[] | undefined): string {
  return typeof line === 'string' ? line : '';
}
