/**
 * Text as it may stand on a terminal: control characters become visible escapes, so that a device
 * name or a user agent cannot move the cursor, change colours or forge a line. What is invisible or
 * turns the direction goes the same way, because it can make a line read as another one.
 */
export function printable(text: string): string {
  return escapeUnsafe(text.replace(/[\u0000-\u001f]/g, escape));
}

/** The same for text of several lines, whose breaks and indentation stay. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** JSON text that is safe on a terminal too; it parses to the same value. */
export function printableJson(value: unknown, indent?: number): string {
  return escapeUnsafe(JSON.stringify(value, null, indent) ?? 'null');
}

/** What JSON and YAML let stand in a text although a terminal may act on it. */
const unsafe = /[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Writes such characters as `\uXXXX`, which JSON and double-quoted YAML read back. */
export function escapeUnsafe(text: string): string {
  return text.replace(unsafe, escape);
}

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
