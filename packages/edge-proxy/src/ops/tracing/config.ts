import { readFileSync } from 'node:fs';
import type { ConfigReader } from '@sallyport/shared/config';
import type { CollectorConfig } from './collector.ts';

export interface TracingConfig {
  /** Of requests, from 0 to 1. */
  readonly share: number;
  /** Where their spans go; null: nowhere, upstreams hear all the same which are sampled. */
  readonly collector: CollectorConfig | null;
}

/** Reads how requests are traced. */
export function readTracing(reader: ConfigReader, prefix: string): TracingConfig {
  const endpoint = reader.text(`${prefix}OTLP_ENDPOINT`, { default: null });
  const headers = reader.secret(`${prefix}OTLP_HEADERS`);
  const ca = reader.file(`${prefix}OTLP_CA`, { default: null });
  const share = readShare(reader, `${prefix}TRACE_SAMPLE_PERCENT`);
  if (endpoint === null) {
    const why = `has no effect without ${prefix}OTLP_ENDPOINT`;
    if (headers !== null) reader.problem(`${prefix}OTLP_HEADERS`, why);
    if (ca !== null) reader.problem(`${prefix}OTLP_CA`, why);
    return { share, collector: null };
  }
  const url = tracesUrl(endpoint);
  if (url === null) {
    const forms = 'https://host[:port][/path], or http:// on this machine';
    reader.problem(`${prefix}OTLP_ENDPOINT`, `must be ${forms}`);
  }
  const read = headers === null ? {} : readHeaders(headers);
  if (read === null) reader.problem(`${prefix}OTLP_HEADERS`, 'must be name=value, with commas');
  const caPem = ca === null ? null : textOf(ca);
  return { share, collector: { url: url ?? '', headers: read ?? {}, caPem } };
}

function readShare(reader: ConfigReader, name: string): number {
  const text = reader.text(name, { default: '100' });
  const percent = /^\d{1,3}(\.\d{1,4})?$/.test(text) ? Number(text) : Number.NaN;
  if (percent <= 100) return percent / 100;
  reader.problem(name, 'must be a number from 0 to 100');
  return 0;
}

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** The path of traces is behind that of the endpoint: OTLP exporter configuration, section 2. */
function tracesUrl(endpoint: string): string | null {
  const url = URL.parse(endpoint);
  if (url === null || url.username !== '' || url.password !== '') return null;
  if (url.search !== '' || url.hash !== '') return null;
  const isSafe = url.protocol === 'https:' || loopback.test(url.hostname);
  if (!isSafe || !/^https?:$/.test(url.protocol)) return null;
  return `${url.origin}${url.pathname.replace(/\/$/, '')}/v1/traces`;
}

/** `name=value` pairs as OTEL_EXPORTER_OTLP_HEADERS has them: values may be percent-encoded. */
function readHeaders(text: string): Record<string, string> | null {
  const headers: Record<string, string> = {};
  for (const pair of text.split(',')) {
    const [, name, value = ''] = /^\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
    const decoded = name === undefined ? null : decode(value);
    if (name === undefined || decoded === null) return null;
    headers[name.toLowerCase()] = decoded;
  }
  return headers;
}

function decode(value: string): string | null {
  try {
    const decoded = decodeURIComponent(value);
    return /^[\x20-\x7e]+$/.test(decoded) ? decoded : null;
  } catch {
    return null;
  }
}

/** The reader has noted already where it cannot be read. */
function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
