/**
 * A strict reader of DER (X.690), for certificates and requests that come from outside. What we
 * decide on is read from these bytes and never from text that a library printed. One-byte tags,
 * definite and minimal lengths, nothing left over; anything else is a DerError.
 */

export class DerError extends Error {
  override readonly name = 'DerError';
}

export interface DerNode {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag, length and content. */
  readonly whole: Uint8Array;
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Context-specific tag number `n`, primitive or constructed. */
export function contextTag(n: number, constructed: boolean): number {
  return 0x80 | (constructed ? 0x20 : 0) | n;
}

/** The one value that the bytes are. */
export function readDer(bytes: Uint8Array): DerNode {
  const node = readAt(bytes, 0);
  if (node.whole.length !== bytes.length) throw new DerError('bytes after the value');
  return node;
}

/** The values inside a constructed one. */
export function childrenOf(node: DerNode): DerNode[] {
  if ((node.tag & 0x20) === 0) throw new DerError('a primitive value has no parts');
  const children: DerNode[] = [];
  for (let offset = 0; offset < node.content.length; ) {
    const child = readAt(node.content, offset);
    children.push(child);
    offset += child.whole.length;
  }
  return children;
}

/** The node itself, if there is one and it has this tag. */
export function expectTag(node: DerNode | undefined, tag: number): DerNode {
  if (node === undefined) throw new DerError('a value is missing');
  if (node.tag !== tag) throw new DerError(`tag ${node.tag} where ${tag} belongs`);
  return node;
}

/** The parts of a SEQUENCE. */
export function sequenceOf(node: DerNode | undefined): DerNode[] {
  return childrenOf(expectTag(node, tags.sequence));
}

/** An OBJECT IDENTIFIER in dotted form. */
export function oidOf(node: DerNode | undefined): string {
  const { content } = expectTag(node, tags.oid);
  const arcs: number[] = [];
  let value = 0;
  let atStart = true;
  for (const byte of content) {
    if (atStart && byte === 0x80) throw new DerError('an arc with a leading zero');
    value = value * 128 + (byte & 0x7f);
    if (value > Number.MAX_SAFE_INTEGER / 128) throw new DerError('an arc out of range');
    atStart = (byte & 0x80) === 0;
    if (!atStart) continue;
    arcs.push(value);
    value = 0;
  }
  const [first] = arcs;
  if (first === undefined || !atStart) throw new DerError('an incomplete object identifier');
  const root = Math.min(Math.floor(first / 40), 2);
  return [root, first - root * 40, ...arcs.slice(1)].join('.');
}

/** The bytes of a non-negative INTEGER without leading zeros. */
export function unsignedOf(node: DerNode | undefined): Uint8Array {
  const { content } = expectTag(node, tags.integer);
  const [first, second] = content;
  if (first === undefined || first >= 0x80) throw new DerError('not a non-negative integer');
  if (first !== 0) return content;
  if (second !== undefined && second < 0x80) throw new DerError('an integer with a leading zero');
  return content.subarray(1);
}

/** A BOOLEAN. */
export function booleanOf(node: DerNode | undefined): boolean {
  const { content } = expectTag(node, tags.boolean);
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) {
    throw new DerError('not a boolean');
  }
  return content[0] === 0xff;
}

/** The bytes of a BIT STRING, and how many bits of the last one do not count. */
export function bitsOf(node: DerNode | undefined): { unused: number; bytes: Uint8Array } {
  const { content } = expectTag(node, tags.bitString);
  const [unused] = content;
  const bytes = content.subarray(1);
  if (unused === undefined || unused > 7 || (bytes.length === 0 && unused > 0)) {
    throw new DerError('not a bit string');
  }
  if (((bytes.at(-1) ?? 0) & ((1 << unused) - 1)) !== 0) throw new DerError('unused bits are set');
  return { unused, bytes };
}

/** UTCTime or GeneralizedTime in the forms of RFC 5280, as milliseconds since the epoch. */
export function timeOf(node: DerNode | undefined): number {
  const text = Buffer.from(node?.content ?? []).toString('latin1');
  const pattern = node?.tag === tags.utcTime ? /^\d{12}Z$/ : /^\d{14}Z$/;
  const known = node?.tag === tags.utcTime || node?.tag === tags.generalizedTime;
  if (!known || !pattern.test(text)) throw new DerError('not a time');
  // RFC 5280, 4.1.2.5.1: two digits from 50 on belong to the last century.
  const digits = text.length === 15 ? text : `${Number(text.slice(0, 2)) < 50 ? 20 : 19}${text}`;
  const part = (start: number, end: number): string => digits.slice(start, end);
  const date = `${part(0, 4)}-${part(4, 6)}-${part(6, 8)}`;
  const iso = `${date}T${part(8, 10)}:${part(10, 12)}:${part(12, 14)}.000Z`;
  const time = Date.parse(iso);
  // Date.parse lets 30 February pass as 2 March.
  if (Number.isNaN(time) || new Date(time).toISOString() !== iso) throw new DerError('not a time');
  return time;
}

function readAt(bytes: Uint8Array, offset: number): DerNode {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined) throw new DerError('a value is cut short');
  if ((tag & 0x1f) === 0x1f) throw new DerError('a tag of several bytes');
  let length = first;
  let start = offset + 2;
  if (first >= 0x80) {
    const lengthBytes = first & 0x7f;
    if (lengthBytes === 0 || lengthBytes > 3) throw new DerError('a length out of range');
    length = 0;
    for (let index = 0; index < lengthBytes; index += 1) {
      length = length * 256 + (bytes[start + index] ?? 0);
    }
    start += lengthBytes;
    const minimal = length >= 0x80 && length >= 256 ** (lengthBytes - 1);
    if (!minimal) throw new DerError('a length that is not minimal');
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError('a value is cut short');
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(offset, end) };
}
