import { canonicalHost } from '@sallyport/policy';
import { usualHeaderLimits } from '@sallyport/shared/http/header-limits';
import type { Dice } from '@sallyport/shared/sync/simulation/random';
import { readHead } from '../../1-listen/gate.ts';
import type { RawRequest } from '../../client/exchange.ts';
import type { ClientConnection } from '../../exchange.ts';
import { ExchangeList } from '../../exchange-list.ts';
import { refusals } from '../../words.ts';

/** Its certificate stands for hosts below `corp.test`. */
function someConnection(): ClientConnection {
  return {
    serverName: 'app.corp.test',
    names: { covers: (host) => host.endsWith('.corp.test') },
    socketAddress: '192.0.2.1',
    sourceAddress: '192.0.2.1',
    forwards: false,
    lookedAtWith: null,
    place: null,
    peer: null,
    exchanges: new ExchangeList(),
    lastCookies: null,
    lastOpened: null,
    lastDevice: null,
    lastRisk: null,
  };
}

export const names = [
  ...['Host', 'host', 'Content-Length', 'content_length', 'Transfer-Encoding', 'Transfer.Encoding'],
  ...['Connection', 'Keep-Alive', 'TE', 'Trailer', 'Upgrade', 'HTTP2-Settings', 'Expect', 'Cookie'],
  ...['Authorization', 'Proxy-Authorization', 'Content-Type', 'Origin', 'Accept', 'User-Agent'],
  ...['Sallyport-Assertion', 'sallyport~anything', 'X-Sallyport-X', 'X-Forwarded-For', 'X-Real-IP'],
  ...['Forwarded', 'X_Forwarded_Host', 'Client-Cert', 'SSL-Client-Verify', 'X-SSL-Cert', 'Proxy'],
  ...['X-Custom', 'X-Hop', 'Range', 'traceparent', '__proto__', 'constructor', 'Sec-Fetch-Mode'],
  ...['Sec-WebSocket-Key', 'Sec-WebSocket-Version', 'Remote-User', 'X-Original-URL'],
];
export const values = [
  ...['app.corp.test', 'app.corp.test:8443', 'APP.corp.test.', 'evil.test', '[::1]', '', '0', '5'],
  ...['5, 5', '+5', '0x5', '99999999999999999999', 'chunked', 'Chunked', 'gzip, chunked', 'x'],
  ...['keep-alive', 'close', 'Upgrade', 'X-Hop, Host', ',,,', 'websocket', 'h2c', '100-continue'],
  ...['13', 'dGhlIHNhbXBsZSBub25jZQ==', 'a=1; __Host-sallyport=a.b; c', 'text/html', '\xe9\xff'],
];
const targets = [
  '/',
  '/a?b',
  '/a/../b',
  '*',
  'a',
  'http://app.corp.test/',
  '/a#b',
  '/a\\b',
  '/\xff',
];

/** Lines as a parser of HTTP hands them on: any names and values, also ones that it never met. */
export function someRequest(dice: Dice): RawRequest {
  const lines: string[] = [];
  if (dice.chance(0.9)) lines.push('Host', 'app.corp.test');
  for (let left = dice.int(0, dice.chance(0.05) ? 120 : 8); left > 0; left -= 1) {
    const name = dice.pick(names);
    lines.push(
      dice.chance(0.2) ? name.toUpperCase() : name,
      dice.chance(0.02) ? 'x'.repeat(dice.int(0, 20_000)) : dice.pick(values),
    );
  }
  return {
    version: dice.chance(0.95) ? '1.1' : dice.pick(['1.0', '2.0', '']),
    method: dice.pick(['GET', 'GET', 'POST', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT', 'get', '']),
    target: dice.chance(0.7) ? '/a/b?c=d' : dice.pick(targets),
    lines,
    upgrading: dice.chance(0.2),
    hasBody: null,
  };
}

/** By the words of the documentation, and not by the tables of the code. */
export const neverPasses =
  /^(?:(?:x-)?sallyport-|x-forwarded|forwarded$|x-real-ip$|client-cert|ssl-client-|x-ssl-|proxy|host$|content-length$|transfer-encoding$|connection$|keep-alive$|te$|trailer$|upgrade$|http2-settings$|cookie$|expect$|traceparent$|remote-user$|x-original-url$)/;
const once = ['host', 'cookie', 'content-length', 'transfer-encoding', 'authorization', 'origin'];

/** Whether the gate has nothing against it. */
export function passes(raw: RawRequest): boolean {
  return typeof readHead(raw, someConnection(), usualHeaderLimits) !== 'string';
}

/** A request that the gate lets through, and what is wrong with that; it never throws. */
export function gateViolation(raw: RawRequest): string {
  const head = readHead(raw, someConnection(), usualHeaderLimits);
  if (typeof head === 'string') return head in refusals ? '' : `${head} is no code`;
  const sent = pairsOf(raw.lines).map(([name, value]) => [name.toLowerCase(), value] as const);
  for (const name of once) {
    if (sent.filter(([other]) => other === name).length > 1) return `${name} stands twice`;
  }
  const host = sent.find(([name]) => name === 'host')?.[1] ?? '';
  if (canonicalHost(host.replace(/:[0-9]+$/, '')) !== head.host)
    return `${head.host} is not ${host}`;
  if (!head.host.endsWith('.corp.test')) return `${head.host} is out of reach`;
  if (head.rawPath + head.query !== raw.target || !raw.target.startsWith('/')) return 'target';
  const hops = sent
    .filter(([name]) => name === 'connection')
    .flatMap(([, value]) => value.toLowerCase().split(','))
    .map((token) => token.trim());
  for (const [name] of pairsOf(head.passing)) {
    const folded = name.toLowerCase().replace(/[^a-z0-9]/g, '-');
    if (neverPasses.test(folded)) return `${name} goes on`;
    if (hops.includes(name.toLowerCase())) return `${name} goes on, though it is for a neighbour`;
  }
  const length = sent.find(([name]) => name === 'content-length')?.[1];
  const chunked = sent.some(([name]) => name === 'transfer-encoding');
  if (length !== undefined && (chunked || !/^[0-9]+$/.test(length))) return 'framing';
  const framed = raw.hasBody ?? chunked;
  const hasBody = length === undefined ? framed : Number(length) > 0;
  if (head.hasBody !== hasBody) return 'a body that is not there';
  return '';
}

function pairsOf(lines: readonly string[]): (readonly [string, string])[] {
  return lines.flatMap((name, at) => (at % 2 === 0 ? [[name, lines[at + 1] ?? ''] as const] : []));
}
