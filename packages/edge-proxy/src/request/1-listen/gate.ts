import { canonicalHost } from '@sallyport/policy';
import type { HeaderLimits } from '@sallyport/shared/http/header-limits';
import { methodsServed } from '@sallyport/shared/http/methods';
import type { RawRequest } from '../client/exchange.ts';
import { type ReadCookies, readCookieHeader } from '../cookies.ts';
import type { ClientConnection, RequestHead } from '../exchange.ts';
import { isCallType, timeoutMsOf } from '../grpc.ts';
import { headerBytesOf } from '../header-excess.ts';
import { legacyNames } from '../legacy.ts';
import type { RefusalCode } from '../words.ts';
import { type Lines, passingLines, readLines, tokensOf } from './header-lines.ts';

/**
 * The gate: what Node's parser lets through and we do not (hardening.md M10). It reads the raw
 * header lines, because `headers` has already joined, dropped and preferred. A refusal here means
 * that nothing later has seen the request.
 */

/** More header lines than this are refused; a limit in Node would hide lines from us (M9). */
const headerLinesMax = 100;

/** Reads the head of a request, or says why it is refused. */
export function readHead(
  raw: RawRequest,
  connection: ClientConnection,
  limits: HeaderLimits,
): RequestHead | RefusalCode {
  const { version, method, target } = raw;
  if (version !== '1.1' && version !== '2') return 'http_version';
  if (raw.lines.length > headerLinesMax * 2) return 'headers_too_many';
  const headerBytes = headerBytesOf(target, raw.lines);
  if (headerBytes > limits.bytesMax) return 'headers_too_large';
  if (!methodsServed.includes(method)) return 'method_unsupported';
  if (!targetIsClean(target)) return 'target_invalid';
  const lines = readLines(raw.lines);
  if (typeof lines === 'string') return lines;
  const cookieBytes = lines.cookie?.length ?? 0;
  if (cookieBytes > limits.cookieBytesMax) return 'cookies_too_large';
  const host = lines.host === null ? null : readHost(lines.host);
  if (host === null) return 'host_invalid';
  if (!connection.names.covers(host.name)) return 'host_misdirected';
  const framing = raw.hasBody === null ? readFraming(lines) : checkFraming(lines, raw.hasBody);
  if (typeof framing === 'string') return framing;
  if (lines.expect !== null && lines.expect.toLowerCase() !== '100-continue') {
    return 'expectation_failed';
  }
  const webSocketKey = raw.upgrading ? readWebSocket(method, framing.hasBody, lines) : null;
  if (webSocketKey === 'upgrade_invalid' || webSocketKey === 'web_socket_version') {
    return webSocketKey;
  }
  const cookies = lines.cookie === null ? null : cookiesOf(connection, lines.cookie);
  const call = version === '2' && method === 'POST' && isCallType(lines.contentType ?? '');
  const queryAt = target.indexOf('?');
  return {
    method,
    host: host.name,
    authority: host.authority,
    rawPath: queryAt < 0 ? target : target.slice(0, queryAt),
    query: queryAt < 0 ? '' : target.slice(queryAt),
    passing: passingLines(lines),
    cookies,
    headerBytes,
    cookieBytes,
    legacy: legacyNames(lines.legacy, cookies?.legacy ?? noNames),
    origin: lines.origin,
    accept: lines.accept,
    userAgent: lines.userAgent,
    fetchMode: lines.fetchMode,
    fetchSite: lines.fetchSite,
    traceparent: lines.traceparent,
    tracestate: lines.tracestate,
    contentLength: framing.contentLength,
    hasBody: framing.hasBody,
    expectContinue: lines.expect !== null,
    call,
    callTimeoutMs: call ? timeoutMsOf(lines.callTimeout ?? '') : null,
    takesTrailers: version === '2' || tokensOf(lines.te ?? '').includes('trailers'),
    webSocketKey,
  };
}

function cookiesOf(connection: ClientConnection, header: string): ReadCookies {
  const last = connection.lastCookies;
  if (last !== null && last.header === header) return last;
  const read = readCookieHeader(header);
  connection.lastCookies = read;
  return read;
}

/** Origin form and nothing that two readers could cut differently: RFC 9112, section 3.2.1. */
function targetIsClean(target: string): boolean {
  return target.charCodeAt(0) === 0x2f && !/[^\x21-\x7e]|[#\\]/.test(target);
}

interface Host {
  readonly name: string;
  readonly authority: string;
}

const noNames: readonly string[] = [];
const usualPort = 443;
const hostsKeptMax = 1000;
const hostsKept = new Map<string, Host | null>();

/** Reads the Host header: a name and perhaps a port, nothing else. */
function readHost(value: string): Host | null {
  const kept = hostsKept.get(value);
  if (kept !== undefined) return kept;
  const parts = /^([^:]+)(?::([0-9]{1,5}))?$/.exec(value);
  const name = parts === null ? null : canonicalHost(parts[1] ?? '');
  const port = Number(parts?.[2] ?? usualPort);
  const host =
    name === null || port > 65_535
      ? null
      : { name, authority: port === usualPort ? name : `${name}:${port}` };
  if (hostsKept.size < hostsKeptMax) hostsKept.set(value, host);
  return host;
}

interface Framing {
  readonly contentLength: number | null;
  readonly hasBody: boolean;
}

function readFraming(lines: Lines): Framing | RefusalCode {
  if (lines.transferEncoding !== null) {
    const single = lines.transferEncoding.toLowerCase() === 'chunked';
    if (!single || lines.contentLength !== null) return 'framing_ambiguous';
    return { contentLength: null, hasBody: true };
  }
  if (lines.contentLength === null) return { contentLength: null, hasBody: false };
  if (!/^[0-9]{1,15}$/.test(lines.contentLength)) return 'framing_ambiguous';
  const contentLength = Number(lines.contentLength);
  return { contentLength, hasBody: contentLength > 0 };
}

/** Frames say where a body ends; what a line says of it must agree. */
function checkFraming({ contentLength: length }: Lines, framed: boolean): Framing | RefusalCode {
  if (length === null) return { contentLength: null, hasBody: framed };
  if (!/^[0-9]{1,15}$/.test(length)) return 'framing_ambiguous';
  const contentLength = Number(length);
  if (contentLength > 0 && !framed) return 'framing_ambiguous';
  return { contentLength, hasBody: contentLength > 0 };
}

/** The key of a WebSocket handshake: RFC 6455, section 4.2.1. */
function readWebSocket(method: string, hasBody: boolean, lines: Lines): string {
  const tokens = lines.connection === null ? [] : tokensOf(lines.connection);
  const asked = lines.upgrade?.toLowerCase() === 'websocket' && tokens.includes('upgrade');
  const key = lines.webSocketKey ?? '';
  const keyIsValid = /^[A-Za-z0-9+/]{22}==$/.test(key) && Buffer.from(key, 'base64').length === 16;
  if (!asked || method !== 'GET' || hasBody || !keyIsValid) return 'upgrade_invalid';
  return lines.webSocketVersion === '13' ? key : 'web_socket_version';
}
