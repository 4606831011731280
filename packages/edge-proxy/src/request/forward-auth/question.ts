import { canonicalAddress, isCanonicalPath } from '@sallyport/policy';
import type { FrontAsker } from '../../state/current.ts';
import type { RawRequest } from '../client/exchange.ts';
import type { PeerCertificate } from '../exchange.ts';
import { ownPrefix } from '../origins.ts';
import type { RefusalCode } from '../words.ts';
import { type Dialect, dialects, isClaim } from './dialect.ts';
import type { ShownCertificates } from './shown-certificates.ts';

/** Where front proxies ask. */
const verdictPath = '/verdict';

/** Of the link, not of what is asked about. */
const linkNames = new Set([
  'host',
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'content-length',
  'transfer-encoding',
]);

/** What a front proxy hands over. */
export interface Asked {
  /** `verdict`: it only wants to know; `own`: a request for one of our own endpoints, to be answered. */
  readonly kind: 'verdict' | 'own';
  /** The request of its client, for the gate. */
  readonly raw: RawRequest;
  /** Canonical address of the client. */
  readonly source: string;
  /** The certificate that its client showed. */
  readonly peer: PeerCertificate | null;
  /** Why it cannot pass, whatever would be decided. */
  readonly refusal: RefusalCode | null;
}

/** Reads what came from a front proxy; anything missing, there twice or left over is a refusal. */
export function readAsked(
  raw: RawRequest,
  asker: FrontAsker,
  certificates: ShownCertificates,
): Asked | RefusalCode {
  const dialect = dialects[asker.dialect];
  const said = readLines(raw, dialect, asker.deviceCertificates);
  // What came in the clear was read by anybody on its way.
  if (said?.values.get(dialect.scheme)?.toLowerCase() !== 'https') return invalid;
  const [source, before] = lastEntry(said.values.get(dialect.source) ?? '');
  const address = canonicalAddress(source);
  if (address === null) return 'source_address_unclear';
  // Where that is a proxy too, this says whom it asks for, as far as the settings let it (fronts.ts).
  if (before !== '') said.lines.push('X-Forwarded-For', before);
  const shown = said.values.get(dialect.certificate) ?? null;
  const peer = shown === null ? null : certificates.read(shown);
  if (peer === 'unreadable') return invalid;
  const { kind, ...rest } = { kind: kindOf(raw), source: address, peer };
  if (kind === 'own') {
    const path = raw.target.split('?', 1)[0] ?? '';
    // Only so it is certain that one of our endpoints answers, and nothing is forwarded.
    const refusal = isCanonicalPath(path) ? null : 'path_not_canonical';
    return { kind, ...rest, raw: { ...raw, lines: said.lines }, refusal };
  }
  if (kind === null) return invalid;
  const asked = readQuestion(raw, dialect, said);
  return asked === null ? invalid : { kind, ...rest, ...asked };
}

const invalid = 'front_request_invalid' satisfies RefusalCode;

function kindOf({ method, target }: RawRequest): Asked['kind'] | null {
  if (target.startsWith(ownPrefix)) return 'own';
  // Caddy leaves the query of its client there; what is asked about stands in the headers alone.
  return method === 'GET' && target.split('?', 1)[0] === verdictPath ? 'verdict' : null;
}

interface Said {
  /** What the front proxy says, by the name of the header. */
  readonly values: ReadonlyMap<string, string>;
  /** All other lines. */
  readonly lines: string[];
}

/** null: it says something twice. */
function readLines(raw: RawRequest, dialect: Dialect, certificates: boolean): Said | null {
  const own = new Set<string>(Object.values(dialect));
  if (!certificates) own.delete(dialect.certificate);
  const values = new Map<string, string>();
  const lines: string[] = [];
  for (let at = 0; at < raw.lines.length; at += 2) {
    const spelling = raw.lines[at] ?? '';
    const value = raw.lines[at + 1] ?? '';
    const lower = spelling.toLowerCase();
    if (!own.has(lower)) lines.push(spelling, value);
    else if (values.has(lower)) return null;
    else values.set(lower, value);
  }
  return { values, lines };
}

/** The request that is asked about; null: it is not said clearly which one that is. */
function readQuestion(
  link: RawRequest,
  dialect: Dialect,
  { values, lines }: Said,
): Pick<Asked, 'raw' | 'refusal'> | null {
  const method = values.get(dialect.method);
  const host = values.get(dialect.host);
  const target = values.get(dialect.target);
  if (method === undefined || host === undefined || target === undefined) return null;
  const passed: string[] = ['Host', host];
  let upgrade: string | null = null;
  let webSocket = false;
  let claims = false;
  for (let at = 0; at < lines.length; at += 2) {
    const spelling = lines[at] ?? '';
    const value = lines[at + 1] ?? '';
    const lower = spelling.toLowerCase();
    // A question has no body, whatever the request has.
    if (lower === 'transfer-encoding' || (lower === 'content-length' && value !== '0')) return null;
    if (lower === 'upgrade') upgrade = upgrade === null ? value.toLowerCase() : '';
    webSocket ||= lower === 'sec-websocket-key' || lower === 'sec-websocket-version';
    if (linkNames.has(lower)) continue;
    passed.push(spelling, value);
    claims ||= isClaim(spelling, value, host);
  }
  // nginx asks without the line itself, but the request that it lets through may have it.
  const upgrading = webSocket || upgrade === 'websocket';
  if (upgrading) passed.push('Connection', 'Upgrade', 'Upgrade', 'websocket');
  const { version } = link;
  return {
    raw: { version, method, target, lines: passed, upgrading, hasBody: null },
    refusal: refusalOf(upgrade, claims),
  };
}

/** Another protocol, such as h2c, would be a tunnel that nobody decides about any more. */
function refusalOf(upgrade: string | null, claims: boolean): RefusalCode | null {
  if (upgrade !== null && upgrade !== 'websocket') return 'upgrade_invalid';
  return claims ? 'header_reserved' : null;
}

/** The last entry of a list, and what stands before it. */
function lastEntry(list: string): readonly [string, string] {
  const comma = list.lastIndexOf(',');
  return [list.slice(comma + 1).trim(), comma < 0 ? '' : list.slice(0, comma)];
}
