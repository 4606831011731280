import type { RawRequest } from '../client/exchange.ts';
import type { RequestHead } from '../exchange.ts';
import { isCall } from '../grpc.ts';
import { headerBytesOf } from '../header-excess.ts';

/** It may be long: nobody has looked at its size, or that is what it was refused for. */
const queryLengthMax = 4_096;

/** What can be said of a request that the gate refused: enough for an answer and a record. */
export function unreadHead(raw: RawRequest): RequestHead {
  const { method, target, lines, hasBody } = raw;
  const [rawPath = ''] = target.split(/[?#]/, 1);
  return {
    method,
    host: '',
    authority: '',
    rawPath,
    query: target.slice(rawPath.length, rawPath.length + queryLengthMax),
    passing: [],
    cookies: null,
    headerBytes: headerBytesOf(target, lines),
    cookieBytes: valuesOf(lines, 'cookie').join('; ').length,
    legacy: [],
    origin: null,
    accept: valuesOf(lines, 'accept').join(', '),
    userAgent: valuesOf(lines, 'user-agent')[0] ?? '',
    fetchMode: '',
    fetchSite: '',
    traceparent: null,
    tracestate: null,
    contentLength: null,
    hasBody: hasBody ?? valuesOf(lines, 'content-length')[0] !== '0',
    expectContinue: false,
    call: isCall(raw),
    callTimeoutMs: null,
    takesTrailers: false,
    webSocketKey: null,
  };
}

function valuesOf(lines: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at < lines.length; at += 2) {
    if (lines[at]?.toLowerCase() === name) values.push(lines[at + 1] ?? '');
  }
  return values;
}
