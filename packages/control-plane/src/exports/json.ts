/** JSON as it goes out: on one line whatever reads it, and no longer than it may be. */

/** What ends a line for some reader, turns its direction around, or is invisible. `JSON.stringify` takes care of the rest. */
const unsafe = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const beyondAscii = /[\u007f-\uffff]/g;

/** One line of JSON, in UTF-8. */
export function lineJson(value: unknown): string {
  return JSON.stringify(value).replace(unsafe, escape);
}

/** The same, in ASCII alone. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(beyondAscii, escape);
}

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

type Json = Readonly<Record<string, unknown>>;

/** Large members that are left out first. */
const heavy: ReadonlySet<string> = new Set(['facts', 'shadow', 'revisions', 'detail']);
const cuts: readonly { readonly text: number; readonly items: number; readonly depth: number }[] = [
  { text: 1_024, items: 64, depth: 4 },
  { text: 256, items: 16, depth: 2 },
  { text: 64, items: 4, depth: 1 },
];

/**
 * The value as `write` makes text of it, in at most so many bytes. One that is too long loses its
 * large members, then the ends of its texts and lists, and says so with `truncated: true`; it is
 * always whole JSON.
 */
export function fittedJson(
  value: Json,
  bytesMax: number,
  write: (value: unknown) => string,
): string {
  const whole = write(value);
  if (Buffer.byteLength(whole) <= bytesMax) return whole;
  const lighter = Object.fromEntries(Object.entries(value).filter(([name]) => !heavy.has(name)));
  for (const cut of [null, ...cuts]) {
    const members = cut === null ? lighter : (cutValue(lighter, cut) as Json);
    const text = write({ ...members, truncated: true });
    if (Buffer.byteLength(text) <= bytesMax) return text;
  }
  return write({ truncated: true });
}

function cutValue(value: unknown, cut: (typeof cuts)[number], depth = 0): unknown {
  if (typeof value === 'string') return cutText(value, cut.text);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > cut.depth) return null;
  if (Array.isArray(value)) {
    return value.slice(0, cut.items).map((item) => cutValue(item, cut, depth + 1));
  }
  const members = Object.entries(value).slice(0, depth === 0 ? 64 : cut.items);
  return Object.fromEntries(
    members.map(([name, item]) => [cutText(name, cut.text), cutValue(item, cut, depth + 1)]),
  );
}

/** At most so many UTF-16 units of a text, and no half of a pair at the end. */
export function cutText(text: string, max: number): string {
  return text.length <= max
    ? text
    : text
        .slice(0, max)
        .toWellFormed()
        .replace(/\ufffd$/, '');
}
