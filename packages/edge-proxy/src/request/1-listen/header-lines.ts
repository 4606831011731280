import { headerName } from '../headers.ts';
import type { RefusalCode } from '../words.ts';

/** The header lines of a request that the gate and later stages look at. */
export interface Lines {
  /** Those that may go on, name and value by turns. */
  readonly passing: string[];
  host: string | null;
  cookie: string | null;
  origin: string | null;
  expect: string | null;
  upgrade: string | null;
  connection: string | null;
  contentLength: string | null;
  transferEncoding: string | null;
  webSocketKey: string | null;
  webSocketVersion: string | null;
  traceparent: string | null;
  tracestate: string | null;
  accept: string;
  userAgent: string;
  fetchMode: string;
  fetchSite: string;
  contentType: string | null;
  te: string | null;
  callTimeout: string | null;
  authorization: boolean;
  /** Identities of older proxies, as they are recorded. */
  legacy: string[] | null;
}

/** Names that some readers take for framing in other spellings: `Transfer_Encoding`. */
const framingNames = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
]);

/** Reads all lines once; a header that may stand once and is there twice is a refusal. */
export function readLines(rawHeaders: readonly string[]): Lines | RefusalCode {
  const lines: Lines = {
    passing: [],
    host: null,
    cookie: null,
    origin: null,
    expect: null,
    upgrade: null,
    connection: null,
    contentLength: null,
    transferEncoding: null,
    webSocketKey: null,
    webSocketVersion: null,
    traceparent: null,
    tracestate: null,
    accept: '',
    userAgent: '',
    fetchMode: '',
    fetchSite: '',
    contentType: null,
    te: null,
    callTimeout: null,
    authorization: false,
    legacy: null,
  };
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const refusal = readLine(lines, rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '');
    if (refusal !== null) return refusal;
  }
  return lines;
}

function readLine(lines: Lines, spelling: string, value: string): RefusalCode | null {
  const name = headerName(spelling);
  if (name.passes) lines.passing.push(spelling, value);
  else if (name.legacy !== null) (lines.legacy ??= []).push(name.legacy);
  switch (name.lower) {
    case 'host':
      if (lines.host !== null) return 'host_invalid';
      lines.host = value;
      return null;
    case 'cookie':
      if (lines.cookie !== null) return 'header_duplicate';
      lines.cookie = value;
      return null;
    case 'origin':
      if (lines.origin !== null) return 'header_duplicate';
      lines.origin = value;
      return null;
    case 'expect':
      if (lines.expect !== null) return 'header_duplicate';
      lines.expect = value;
      return null;
    case 'upgrade':
      if (lines.upgrade !== null) return 'upgrade_invalid';
      lines.upgrade = value;
      return null;
    case 'content-length':
      if (lines.contentLength !== null) return 'framing_ambiguous';
      lines.contentLength = value;
      return null;
    case 'transfer-encoding':
      if (lines.transferEncoding !== null) return 'framing_ambiguous';
      lines.transferEncoding = value;
      return null;
    case 'sec-websocket-key':
      if (lines.webSocketKey !== null) return 'upgrade_invalid';
      lines.webSocketKey = value;
      return null;
    case 'sec-websocket-version':
      if (lines.webSocketVersion !== null) return 'upgrade_invalid';
      lines.webSocketVersion = value;
      return null;
    case 'authorization':
      if (lines.authorization) return 'header_duplicate';
      lines.authorization = true;
      return null;
    case 'content-type':
      if (lines.contentType !== null) return 'header_duplicate';
      lines.contentType = value;
      return null;
    case 'grpc-timeout':
      if (lines.callTimeout !== null) return 'header_duplicate';
      lines.callTimeout = value;
      return null;
    case 'te':
      lines.te = lines.te === null ? value : `${lines.te},${value}`;
      return null;
    case 'connection':
      lines.connection = lines.connection === null ? value : `${lines.connection},${value}`;
      return null;
    case 'accept':
      lines.accept = lines.accept === '' ? value : `${lines.accept},${value}`;
      return null;
    case 'user-agent':
      lines.userAgent = value;
      return null;
    case 'traceparent':
      // Of two nobody knows which one goes on.
      lines.traceparent = lines.traceparent === null ? value : '';
      return null;
    case 'tracestate':
      lines.tracestate = lines.tracestate === null ? value : `${lines.tracestate},${value}`;
      return null;
    case 'sec-fetch-mode':
      lines.fetchMode = value;
      return null;
    case 'sec-fetch-site':
      lines.fetchSite = value;
      return null;
    default:
      return name.lower !== name.folded && framingNames.has(name.folded) ? 'header_invalid' : null;
  }
}

/** A client may name more headers that are only for its neighbour: RFC 9110, section 7.6.1. */
export function passingLines({ passing, connection }: Lines): readonly string[] {
  if (connection === null || usualConnections.has(connection)) return passing;
  const tokens = tokensOf(connection);
  return passing.filter((_, at) => {
    const spelling = passing[at - (at % 2)] ?? '';
    return !tokens.includes(headerName(spelling).lower);
  });
}

const usualConnections = new Set(['keep-alive', 'close', 'Upgrade', 'keep-alive, Upgrade']);

/** The lower-case tokens of a Connection header. */
export function tokensOf(connection: string): readonly string[] {
  return connection
    .toLowerCase()
    .split(',')
    .map((token) => token.trim());
}
