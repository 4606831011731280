import type { ResponseHeaders } from '../../response-headers.ts';
import type { Ask } from '../connections.ts';

/** A request as HTTP/2 has it (RFC 9113, section 8.3.1): Host goes where its authority stands. */
export function requestLines({ method, path, headers }: Ask, scheme: 'http' | 'https'): string[] {
  const lines: string[] = [];
  let authority = '';
  for (let at = 0; at < headers.length; at += 2) {
    const name = (headers[at] ?? '').toLowerCase();
    const value = headers[at + 1] ?? '';
    if (name === 'host') authority = value;
    else lines.push(name, value);
  }
  return [
    ...[':method', method, ':scheme', scheme, ':authority', authority, ':path', path],
    ...lines,
  ];
}

/** Bytes of a header section, counted as RFC 9113 does (section 6.5.2). */
export function sectionBytes(lines: readonly string[]): number {
  let bytes = 0;
  for (const text of lines) bytes += text.length + 16;
  return bytes;
}

/** The fields of a header section; what stands there more than once as a list. */
export function fieldsOf(lines: readonly string[]): ResponseHeaders {
  const fields: Record<string, string | string[]> = Object.create(null) as Record<string, never>;
  for (let at = 0; at < lines.length; at += 2) {
    const name = lines[at] ?? '';
    const value = lines[at + 1] ?? '';
    if (name.startsWith(':')) continue;
    const before = fields[name];
    if (before === undefined) fields[name] = value;
    else if (typeof before === 'string') fields[name] = [before, value];
    else before.push(value);
  }
  return fields;
}
