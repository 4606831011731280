import { cutText, fittedJson, lineJson } from '../json.ts';
import type { ExportRow, Field, Severity } from '../rows/row.ts';

/** Rows as OTLP logs in their JSON encoding (opentelemetry-proto, logs/v1; integers are texts). */

type AnyValue =
  | { readonly stringValue: string }
  | { readonly intValue: string }
  | { readonly doubleValue: number };

interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

const severities: Readonly<Record<Severity, readonly [number, string]>> = {
  info: [9, 'INFO'],
  notice: [10, 'NOTICE'],
  warning: [13, 'WARN'],
};

/** Names of the semantic conventions where there is one for the field. */
const attributeNames: Readonly<Record<string, string>> = {
  method: 'http.request.method',
  status: 'http.response.status_code',
  host: 'server.address',
  path: 'url.path',
  sourceAddress: 'client.address',
  userId: 'user.id',
  userEmail: 'user.email',
  userAgent: 'user_agent.original',
  sessionId: 'session.id',
  deviceId: 'device.id',
  route: 'sallyport.route',
};

const bodyBytesMax = 65_536;
const valueCharactersMax = 1_024;

/** The body of an export request. `replica`: name of this process. */
export function otlpLogs(rows: readonly ExportRow[], replica: string): string {
  return lineJson({
    resourceLogs: [
      {
        resource: {
          attributes: [text('service.name', 'sallyport'), text('service.instance.id', replica)],
        },
        scopeLogs: [{ scope: { name: 'sallyport.exports' }, logRecords: rows.map(logRecord) }],
      },
    ],
  });
}

function logRecord(row: ExportRow): Readonly<Record<string, unknown>> {
  const [severityNumber, severityText] = severities[row.severity];
  return {
    timeUnixNano: nanoseconds(row.timeMs),
    observedTimeUnixNano: nanoseconds(row.receivedAtMs),
    severityNumber,
    severityText,
    eventName: `sallyport.${row.kind}`,
    body: { stringValue: fittedJson(row.value, bodyBytesMax, lineJson) },
    attributes: [
      { key: 'sallyport.position', value: { intValue: String(row.position) } },
      ...row.fields.flatMap(attribute),
    ],
    ...traceOf(row.traceparent),
  };
}

function attribute([name, value]: Field): KeyValue[] {
  if (value === null || value === '') return [];
  const key = attributeNames[name] ?? `sallyport.${snakeCase(name)}`;
  if (typeof value === 'string') return [text(key, value)];
  if (Number.isSafeInteger(value)) return [{ key, value: { intValue: String(value) } }];
  return Number.isFinite(value) ? [{ key, value: { doubleValue: value } }] : [];
}

function text(key: string, value: string): KeyValue {
  const stringValue = cutText(value, valueCharactersMax).toWellFormed();
  return { key, value: { stringValue } };
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Of the year 2262 at the most: what is later does not fit everywhere. */
const latestMs = 9_223_372_036_854;

function nanoseconds(instantMs: number): string {
  const ms = Number.isFinite(instantMs)
    ? Math.min(latestMs, Math.max(0, Math.trunc(instantMs)))
    : 0;
  return `${BigInt(ms) * 1_000_000n}`;
}

/** Ids of a `traceparent` that can be one; a receiver refuses the whole batch for others. */
function traceOf(traceparent: string | null): Readonly<Record<string, unknown>> {
  const [, traceId, spanId] =
    /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$/.exec(traceparent ?? '') ??
    [];
  return traceId === undefined ? {} : { traceId, spanId };
}
