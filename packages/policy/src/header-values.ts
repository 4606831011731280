/** More than any header of use has; what goes on beyond is not read. */
const valuesMax = 64;

/**
 * The values of a header: of all its lines, split at commas, without the blanks of HTTP around them.
 * Not there: none. null: more than anybody could mean.
 */
export function headerValues(lines: readonly string[]): readonly string[] | null {
  const values: string[] = [];
  for (const line of lines) {
    const parts = line.split(',', valuesMax + 1);
    if (values.length + parts.length > valuesMax) return null;
    for (const part of parts) values.push(trimmed(part));
  }
  return values;
}

/** By hand: `[ \t]+$` takes time squared over blanks that are not at the end. */
function trimmed(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
