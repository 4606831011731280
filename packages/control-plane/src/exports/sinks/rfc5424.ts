import { isoOf } from '../iso.ts';
import { asciiJson, cutText, fittedJson } from '../json.ts';
import type { ExportRow, Severity } from '../rows/row.ts';

/** Messages of RFC 5424 in frames of RFC 5425. */

export interface Sender {
  /** 0 to 23. */
  readonly facility: number;
  /** Name of this replica. */
  readonly host: string;
}

/** A receiver should take so many octets (RFC 5425, 4.3.1); more is cut by some. */
export const messageBytesMax = 8_192;

const severities: Readonly<Record<Severity, number>> = { warning: 4, notice: 5, info: 6 };
/** 32473 is the number that is kept for examples (RFC 5612): the project has none of its own. */
const structuredId = 'sallyport@32473';
const valueCharactersMax = 255;
const structuredBytesMax = 4_096;

/** `MSG-LEN SP SYSLOG-MSG`, the length in octets. */
export function syslogFrame(row: ExportRow, sender: Sender): Buffer {
  const message = syslogMessage(row, sender);
  return Buffer.from(`${Buffer.byteLength(message)} ${message}`, 'utf8');
}

/**
 * One message. What it says of the row stands in structured data, and all of the row as JSON after
 * it. The JSON is in ASCII, so the rule that UTF-8 begins with a byte order mark does not apply, and
 * receivers that read JSON need not skip one.
 */
export function syslogMessage(row: ExportRow, { facility, host }: Sender): string {
  const head = [
    `<${facility * 8 + severities[row.severity]}>1`,
    isoOf(row.timeMs) ?? '-',
    printable(host, 255),
    'sallyport',
    '-',
    row.kind,
    structuredData(row),
  ].join(' ');
  const left = messageBytesMax - Buffer.byteLength(head) - 1;
  return `${head} ${fittedJson(row.value, left, asciiJson)}`;
}

function structuredData({ position, fields }: ExportRow): string {
  let element = `[${structuredId} position="${position}"`;
  for (const [name, value] of fields) {
    if (value === null || value === '') continue;
    const parameter = ` ${name}="${parameterValue(String(value))}"`;
    if (Buffer.byteLength(element) + Buffer.byteLength(parameter) >= structuredBytesMax) break;
    element += parameter;
  }
  return `${element}]`;
}

/**
 * `"`, `\` and `]` are escaped (RFC 5424, 6.3.3). Control characters, which could end a line at a
 * receiver that writes lines, and those that change how one reads become U+FFFD; the JSON has them
 * as they were.
 */
function parameterValue(text: string): string {
  return cutText(text, valueCharactersMax)
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
    .replaceAll(/["\\\]]/g, String.raw`\$&`);
}

/** PRINTUSASCII; `-` stands for nothing. */
function printable(text: string, max: number): string {
  return text.replaceAll(/[^\x21-\x7e]/g, '_').slice(0, max) || '-';
}
