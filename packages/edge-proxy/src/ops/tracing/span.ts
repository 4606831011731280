import type { AccessRecord } from '@sallyport/shared/access-record';

/** OTLP spans in their JSON encoding (opentelemetry-proto, trace/v1; integers of 64 bits are texts). */

export interface SpanSource {
  /** As it is written down: what must not be told of a request has been taken out. */
  readonly record: AccessRecord;
  /** The span of whoever sent the request; null: the trace begins with ours. */
  readonly parentId: string | null;
}

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly status: { readonly code: number };
}

interface KeyValue {
  readonly key: string;
  readonly value: { readonly stringValue: string } | { readonly intValue: string };
}

const server = 2;
const statusUnset = 0;
const statusError = 2;
/** Sampled, and whether the parent is of another process is known: so it is. */
const sampledFlag = 0x01;
const parentIsRemote = 0x300;
const valueCharactersMax = 1_024;
/** Any other name of a method could be anything. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT']);

/** The span of a request that has ended. Its name has nothing in it that a client can choose. */
export function spanOf({ record, parentId }: SpanSource): Span {
  const [, traceId = '', spanId = ''] = record.traceparent.split('-');
  const method = methods.has(record.method) ? record.method : '_OTHER';
  const { route, status, reasons, outcome } = record;
  const startMs = Date.parse(record.time);
  return {
    traceId,
    spanId,
    ...(parentId === null ? {} : { parentSpanId: parentId }),
    flags: parentId === null ? sampledFlag : sampledFlag | parentIsRemote,
    name: route === null ? method : `${method} ${route}`,
    kind: server,
    startTimeUnixNano: nanoseconds(startMs, 0),
    endTimeUnixNano: nanoseconds(startMs, record.totalMs),
    attributes: [
      ...text('http.request.method', method),
      ...(status === 0 ? [] : [integer('http.response.status_code', status)]),
      ...text('url.scheme', 'https'),
      ...text('server.address', record.host),
      ...text('url.path', record.path),
      ...text('client.address', record.sourceAddress),
      ...text('user_agent.original', record.userAgent),
      ...text('user.id', record.userId),
      ...text('error.type', status >= 500 ? (reasons.at(-1) ?? null) : null),
      ...text('sallyport.request_id', record.correlationId),
      ...text('sallyport.route', route),
      ...text('sallyport.outcome', outcome),
      ...text('sallyport.reason', reasons[0] ?? null),
      ...text('sallyport.ending', record.ending),
      integer('sallyport.decision_us', record.decisionUs),
      ...(record.upstreamMs === null
        ? []
        : [integer('sallyport.upstream_us', Math.round(record.upstreamMs * 1_000))]),
    ],
    status: { code: status >= 500 ? statusError : statusUnset },
  };
}

/** The body of an export request. */
export function exportRequest(spans: readonly Span[], edge: string, region: string): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: {
          attributes: [
            ...text('service.name', 'sallyport-edge'),
            ...text('service.instance.id', edge),
            ...text('sallyport.region', region),
          ],
        },
        scopeSpans: [{ scope: { name: 'sallyport.edge' }, spans }],
      },
    ],
  });
}

function text(key: string, value: string | null): KeyValue[] {
  if (value === null || value === '') return [];
  return [{ key, value: { stringValue: value.slice(0, valueCharactersMax).toWellFormed() } }];
}

function integer(key: string, value: number): KeyValue {
  return { key, value: { intValue: String(value) } };
}

/** An instant and some time after it. */
function nanoseconds(instantMs: number, laterMs: number): string {
  return String(BigInt(instantMs) * 1_000_000n + BigInt(Math.round(laterMs * 1_000_000)));
}
