import { boundedLines } from './log-output.ts';

/** Structured log of a process: one JSON object a line on standard error. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
const order: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** The same log with these fields in every line. */
  with(fields: LogFields): Log;
}

const fieldCharactersMax = 4096;
const itemsMax = 100;
const depthMax = 8;
const redacted = '[redacted]';

/** Names whose values are never written, whatever they are. */
const secretName = /secret|token|password|cookie|authorization|private|verifier/i;
/** Values that are secrets under any name: tokens of ours, JWTs, private keys, passwords in URLs. */
const secretValues: readonly (readonly [RegExp, string])[] = [
  [/\bsp_(?:adm|join)_[\w-]{8,}/g, redacted],
  [/\beyJ[\w-]{5,}\.[\w-]*\.[\w.-]*/g, redacted],
  [/\b(Bearer|Basic) +[\w.~+/=-]{8,}/gi, `$1 ${redacted}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?/g, redacted],
  [/sallyport-key-1:[\w-]+/g, redacted],
  [/\bwhsec_[\w+/=-]{8,}/g, redacted],
  [/(\/\/[^/\s:@]*):[^/\s@]+@/g, `$1:${redacted}@`],
];

let standardError: ((line: string) => void) | null = null;

/** All logs of a thread share one count of what nobody reads. */
function toStandardError(line: string): void {
  standardError ??= boundedLines(process.stderr);
  standardError(line);
}

/**
 * Writes lines of `minimum` level and up to `write`. Values under names that speak of secrets are
 * replaced, and what looks like one under any name; errors are written with their causes; long
 * texts, long lists and deep values are cut. Never throws for what it is given.
 */
export function createLog(
  minimum: LogLevel,
  fields: LogFields = {},
  write: (line: string) => void = toStandardError,
): Log {
  const emit = (level: LogLevel, event: string, more: LogFields = {}): void => {
    if (order.indexOf(level) < order.indexOf(minimum)) return;
    const head = { time: new Date().toISOString(), level, event };
    const plain = plainOf({ ...fields, ...more }, 0) as object;
    // First for the eye, and last so that no field takes their place.
    write(`${JSON.stringify({ ...head, ...plain, ...head }).replace(acting, escape)}\n`);
  };
  return {
    debug: (event, more) => emit('debug', event, more),
    info: (event, more) => emit('info', event, more),
    warn: (event, more) => emit('warn', event, more),
    error: (event, more) => emit('error', event, more),
    with: (more) => createLog(minimum, { ...fields, ...more }, write),
  };
}

/** What JSON leaves as it is and a terminal or a reader may act on, or not show. */
const acting = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A value as plain data with nothing in it that may not be written. */
function plainOf(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object') return value === undefined ? undefined : `[${typeof value}]`;
  // Causes can go round in a circle.
  if (depth >= depthMax) return '[deeper]';
  if (value instanceof Error) return plainOf(fieldsOfError(value), depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof URL) return cleanText(value.href);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) {
    const shown = value.slice(0, itemsMax).map((item) => plainOf(item, depth + 1));
    return value.length > itemsMax ? [...shown, `[${value.length - itemsMax} more]`] : shown;
  }
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, itemsMax)
      .map(([name, inner]) => [name, isSecret(name, inner) ? redacted : plainOf(inner, depth + 1)]),
  );
}

/** Flags, counts and instants under such a name say nothing secret. */
function isSecret(name: string, value: unknown): boolean {
  const tells = typeof value === 'string' || (typeof value === 'object' && value !== null);
  return tells && secretName.test(name);
}

function fieldsOfError(error: Error): Record<string, unknown> {
  return {
    name: error.name,
    message: error.message,
    ...('code' in error ? { code: error.code } : {}),
    ...('problems' in error ? { problems: error.problems } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: error.cause }),
  };
}

function cleanText(text: string): string {
  // Cut first, with room for what is replaced, so that a huge text costs little.
  const start = text.slice(0, fieldCharactersMax * 2);
  const clean = secretValues.reduce((all, [pattern, by]) => all.replace(pattern, by), start);
  return text.length > fieldCharactersMax ? `${clean.slice(0, fieldCharactersMax)}…` : clean;
}
