import {
  foldedHeader,
  isHopByHopHeader,
  isReservedHeader,
} from '@sallyport/shared/http/header-names';
import { legacyHeaders } from '@sallyport/shared/http/legacy-headers';

/** What a header name means to us, looked up once per spelling. */
export interface HeaderName {
  readonly lower: string;
  readonly folded: string;
  /** Ours to say, or a claim that only a trusted hop may make: never taken from either side. */
  readonly reserved: boolean;
  /** Between two neighbours only: RFC 9110, section 7.6.1. */
  readonly hopByHop: boolean;
  /** Goes on to the upstream as it came. What does not is dropped, or written anew by us. */
  readonly passes: boolean;
  /** What an identity of an older proxy is recorded as; null: it is no such header. */
  readonly legacy: string | null;
}

/** Written by us from what the gate read, or meant for us. */
const rewrittenNames = new Set([
  'host',
  'content-length',
  'cookie',
  'expect',
  'traceparent',
  'tracestate',
]);

/** Spellings kept; a client may invent more, which are then looked up each time. */
const spellingsMax = 2000;
const spellingLengthMax = 64;
const spellings = new Map<string, HeaderName>();

/** Knows the header name in the spelling it was sent in. */
export function headerName(spelling: string): HeaderName {
  const known = spellings.get(spelling);
  if (known !== undefined) return known;
  const name = look(spelling);
  if (spellings.size < spellingsMax && spelling.length <= spellingLengthMax) {
    spellings.set(spelling, name);
  }
  return name;
}

function look(spelling: string): HeaderName {
  const folded = foldedHeader(spelling);
  const legacy = legacyHeaders.get(folded) ?? null;
  const reserved = isReservedHeader(folded);
  const hopByHop = isHopByHopHeader(folded);
  const passes = !reserved && !hopByHop && !rewrittenNames.has(folded);
  return { lower: spelling.toLowerCase(), folded, reserved, hopByHop, passes, legacy };
}
