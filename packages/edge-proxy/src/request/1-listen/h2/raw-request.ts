import { randomBytes } from 'node:crypto';
import type { RawRequest } from '../../client/exchange.ts';
import type { RefusalCode } from '../../words.ts';

/** A request of HTTP/2 in the form that the gate reads. */
export interface TranslatedRequest {
  readonly raw: RawRequest;
  /** It has no such form, whatever the gate thinks of what is left; null: it has. */
  readonly refusal: RefusalCode | null;
}

interface Pseudo {
  method: string;
  path: string;
  scheme: string | null;
  authority: string | null;
  protocol: string | null;
}

/** They say how a connection of HTTP/1.1 is used: RFC 9113, section 8.2.2. */
const connectionNames: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Says in HTTP/1.1 what was asked for in HTTP/2, as RFC 9113 (section 8) and RFC 8441 have it: one
 * Host from `:authority`, one Cookie, a WebSocket as GET with a key of ours. So one gate reads both,
 * and a rule means the same for both. `sent`: pseudo-headers first, name and value by turns.
 */
export function translate(sent: readonly string[], endStream: boolean): TranslatedRequest {
  const pseudo: Pseudo = { method: '', path: '', scheme: null, authority: null, protocol: null };
  const lines: string[] = [];
  let refusal: RefusalCode | null = null;
  let cookieAt = -1;
  for (let at = 0; at < sent.length; at += 2) {
    const name = sent[at] ?? '';
    const value = sent[at + 1] ?? '';
    if (name.startsWith(':')) takePseudo(pseudo, name, value);
    else if (name === 'cookie' && cookieAt >= 0) lines[cookieAt] += `; ${value}`;
    else if (connectionNames.has(name)) refusal = 'header_invalid';
    else if (name === 'te' && value !== 'trailers') refusal = 'header_invalid';
    else if (name !== 'host' || value !== pseudo.authority) {
      // A Host that says something else makes two of them, which the gate refuses.
      lines.push(name, value);
      if (name === 'cookie') cookieAt = lines.length - 1;
    }
  }
  const { method, path, authority, scheme, protocol } = pseudo;
  if (authority === null) refusal ??= 'host_invalid';
  else lines.unshift('host', authority);
  if (scheme !== 'https') refusal ??= 'target_invalid';
  const webSocket = method === 'CONNECT' && protocol === 'websocket';
  if (webSocket) pushHandshake(lines);
  if (webSocket ? endStream : protocol !== null) refusal ??= 'upgrade_invalid';
  const raw: RawRequest = {
    version: '2',
    method: webSocket ? 'GET' : method,
    target: path,
    lines,
    upgrading: webSocket,
    hasBody: !endStream && !webSocket,
  };
  return { raw, refusal };
}

/** Each is there once at the most, and no others are: nghttp2 sees to that. */
function takePseudo(pseudo: Pseudo, name: string, value: string): void {
  if (name === ':method') pseudo.method = value;
  else if (name === ':path') pseudo.path = value;
  else if (name === ':scheme') pseudo.scheme = value;
  else if (name === ':authority') pseudo.authority = value;
  else if (name === ':protocol') pseudo.protocol = value;
}

/** What RFC 8441 leaves out, because the stream says it; the upstream is told it (RFC 6455). */
function pushHandshake(lines: string[]): void {
  const key = randomBytes(16).toString('base64');
  lines.push('connection', 'Upgrade', 'upgrade', 'websocket', 'sec-websocket-key', key);
}
