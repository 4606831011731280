import { randomHex } from './random.ts';

/** W3C Trace Context, section 3.2; of later versions what they have in common with the first. */
const form = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;
const noTrace = '0'.repeat(32);
const noSpan = '0'.repeat(16);

interface Sent {
  readonly traceId: string;
  /** The span of whoever sent it. */
  readonly parentId: string;
}

/** null: there is none, or it says nothing valid. */
function readTraceparent(sent: string | null): Sent | null {
  const [, version, traceId = noTrace, parentId = noSpan, rest] = form.exec(sent ?? '') ?? [];
  if (traceId === noTrace || parentId === noSpan) return null;
  return version === '00' && rest !== undefined ? null : { traceId, parentId };
}

/**
 * Makes the `traceparent` that the upstream gets: a client's trace goes on, with a span of ours; what
 * is not valid begins a new one. Our own id for the request never comes from it. Whether it is
 * sampled, a share of them is, is ours to say: otherwise a client could have each of its requests
 * traced, here and at every upstream, or none.
 */
export function createNextTraceparent(share: number): (sent: string | null) => string {
  const below = share * 2 ** 32;
  return (sent) => {
    const traceId = (sent === null ? null : readTraceparent(sent)?.traceId) ?? randomHex(16);
    const spanId = randomHex(8);
    const sampled = share >= 1 || (share > 0 && Number.parseInt(spanId.slice(0, 8), 16) < below);
    return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
  };
}

/** Of what is no request, and so no part of a trace. */
export const unsampledTraceparent: (sent: string | null) => string = createNextTraceparent(0);

/** Whether a span of it is to be told. */
export function isSampled(traceparent: string): boolean {
  return traceparent.endsWith('1');
}

/** The span before ours; null: the trace begins here. */
export function parentOf(sent: string | null): string | null {
  return readTraceparent(sent)?.parentId ?? null;
}

/** Whether the trace that was sent goes on with ours; only then may `tracestate` go with it. */
export function isContinued(sent: string | null, traceparent: string): boolean {
  // The id of a new trace is of 128 random bits.
  return sent !== null && sent.slice(3, 35) === traceparent.slice(3, 35);
}
