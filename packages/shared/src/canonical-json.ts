/**
 * JSON with one spelling for one value (RFC 8785): members sorted by UTF-16 code units, no white
 * space, numbers as ECMAScript writes them. So hashes and signatures of a value agree everywhere.
 */

const depthMax = 64;

/**
 * Writes plain data: null, booleans, finite numbers, well-formed strings, arrays and plain objects.
 * Members that are undefined are left out. Throws a TypeError for anything else.
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  if (depth > depthMax) throw new TypeError(`nested more than ${depthMax} deep`);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return writeText(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} is not a JSON number`);
    return JSON.stringify(value);
  }
  // Index by index, so that a hole is seen as the undefined it is.
  if (Array.isArray(value)) {
    return `[${Array.from(value as unknown[], (item) => write(item, depth + 1)).join(',')}]`;
  }
  if (typeof value === 'object' && isPlain(value)) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => `${writeText(name)}:${write(member, depth + 1)}`);
    return `{${members.join(',')}}`;
  }
  throw new TypeError(`${Object.prototype.toString.call(value)} is not plain data`);
}

function writeText(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('text with a lone surrogate');
  return JSON.stringify(text);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
