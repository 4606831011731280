import { stringify } from 'yaml';
import { escapeUnsafe } from './printable.ts';

/** A value as YAML that is safe on a terminal and reads back the same. */
export function printableYaml(value: unknown): string {
  const text = stringify(value, { lineWidth: 0 });
  if (escapeUnsafe(text) === text) return text;
  // Escapes are only understood inside double quotes.
  const quoted = stringify(value, {
    lineWidth: 0,
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'QUOTE_DOUBLE',
    blockQuote: false,
  });
  return escapeUnsafe(quoted);
}

/** A value as YAML on one line, to be read by a person. */
export function flowYaml(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
}
