import type { ExportRow } from '../exports/rows/row.ts';

/** A row of an access record, but for what a test says. */
export function exportRow(position: number, more: Partial<ExportRow> = {}): ExportRow {
  const atMs = Date.UTC(2026, 10, 23, 8, 0, 0, 123);
  return {
    position,
    timeMs: atMs,
    receivedAtMs: atMs + 1_000,
    kind: 'access',
    severity: 'info',
    fields: [
      ['outcome', 'permit'],
      ['route', 'wiki'],
    ],
    traceparent: null,
    value: { kind: 'access', position, path: '/' },
    ...more,
  };
}

export function exportRows(from: number, to: number): ExportRow[] {
  return Array.from({ length: to - from + 1 }, (_, index) => exportRow(from + index));
}

/** Texts that some format or some reader has trouble with. */
export const hostileTexts: readonly string[] = [
  'a"b\\c]d[e',
  'line\nbreak\r\n<34>1 2026-11-23T08:00:00Z evil - - - - forged',
  '\u0000\u0001\u001b[31mred\u007f\u0080\u0085\u009f',
  '\u2028\u2029\u202e\u2066\u200f\u061c\ufeff',
  '\ud800 lone \udc00',
  '𝔘nicode ✓ \u{1f600}',
  '"]} , {"kind":"forged"}',
  'x'.repeat(65_536),
  '\u{1f600}'.repeat(40_000),
  '',
];
