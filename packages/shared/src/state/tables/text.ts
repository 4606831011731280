/** Words that hold so many bytes. */
export function wordsOf(bytes: number): number {
  return (bytes + 3) >>> 2;
}

/**
 * Writes the string as UTF-8 from word `at` on, filled up with zeros to a whole word. `words` and
 * `bytes` are views of the same memory. Returns its length in bytes; -1: more than `bytesMax`.
 */
export function encodeText(
  text: string,
  words: Uint32Array,
  bytes: Uint8Array,
  at: number,
  bytesMax: number,
): number {
  if (text.length === 0) return 0;
  if (text.length > bytesMax) return -1;
  const start = at << 2;
  words[at + wordsOf(text.length) - 1] = 0;
  let length = 0;
  for (; length < text.length; length += 1) {
    const code = text.charCodeAt(length);
    if (code >= 128) return encodeUtf8(text, words, bytes, at, bytesMax);
    bytes[start + length] = code;
  }
  return length;
}

function encodeUtf8(
  text: string,
  words: Uint32Array,
  bytes: Uint8Array,
  at: number,
  bytesMax: number,
): number {
  const encoded = Buffer.from(text, 'utf8');
  if (encoded.length > bytesMax) return -1;
  words[at + wordsOf(encoded.length) - 1] = 0;
  bytes.set(encoded, at << 2);
  return encoded.length;
}

/**
 * The string of so many bytes of UTF-8 from a word on; what is not UTF-8 becomes U+FFFD. `words` and
 * `bytes` are views of the same memory.
 */
export function readText(words: Uint32Array, bytes: Buffer, at: number, length: number): string {
  if (length === 0) return '';
  if (length <= 16) {
    const a = words[at] as number;
    const b = length > 4 ? (words[at + 1] as number) : 0;
    const c = length > 8 ? (words[at + 2] as number) : 0;
    const d = length > 12 ? (words[at + 3] as number) : 0;
    if (((a | b | c | d) & 0x80808080) === 0) return sixteen(a, b, c, d).slice(0, length);
  }
  return bytes.toString('utf8', at << 2, (at << 2) + length);
}

/** Names are short: to put them together here takes half as long as a call out of JavaScript. */
function sixteen(a: number, b: number, c: number, d: number): string {
  return String.fromCharCode(
    a & 127,
    (a >>> 8) & 127,
    (a >>> 16) & 127,
    a >>> 24,
    b & 127,
    (b >>> 8) & 127,
    (b >>> 16) & 127,
    b >>> 24,
    c & 127,
    (c >>> 8) & 127,
    (c >>> 16) & 127,
    c >>> 24,
    d & 127,
    (d >>> 8) & 127,
    (d >>> 16) & 127,
    d >>> 24,
  );
}

/** Whether so many bytes from a word on are ASCII, filled up with zeros. */
export function isAscii(words: Uint32Array, at: number, length: number): boolean {
  let bits = 0;
  const end = at + wordsOf(length);
  for (let i = at; i < end; i += 1) bits |= words[i] as number;
  if ((bits & 0x80808080) !== 0) return false;
  const rest = length & 3;
  return rest === 0 || (words[end - 1] as number) >>> (rest * 8) === 0;
}
