/** Rows of the signals lane have room for so many bytes. */
export const valueBytesMax = 256;

/** What `build` makes of as much of the text as a row has room for. */
export function fitted(text: string, build: (text: string) => string): string {
  for (let length = Math.min(text.length, valueBytesMax); length > 0; length -= 1) {
    // Not through the middle of a character of two halves.
    const value = build(
      text
        .slice(0, length)
        .replace(/[\uD800-\uDBFF]$/, '')
        .toWellFormed(),
    );
    if (Buffer.byteLength(value) <= valueBytesMax) return value;
  }
  return build('');
}

/** The object that a row's value is; null: it is none. */
export function readObject(value: string): Readonly<Record<string, unknown>> | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    return null;
  }
  return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    ? { ...parsed }
    : null;
}
