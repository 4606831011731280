/** Percent-escapes of RFC 3986, byte by byte. */

/** Value of the two hex digits at `at`, or -1 where there are none. */
export function hexByte(text: string, at: number): number {
  const high = hexDigit(text.charCodeAt(at));
  const low = hexDigit(text.charCodeAt(at + 1));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** The byte as an upper-case escape: RFC 3986, section 6.2.2.1. */
export function escapeByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** RFC 3986, section 2.3: escaped or not, these mean the same everywhere. */
export function isUnreserved(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === 0x2e ||
    code === 0x5f ||
    code === 0x7e
  );
}

const escapedReserved = /%(?:2[14-9A-C]|3A|3D|40)/g;

/**
 * Decodes the escapes of the reserved characters that may stand bare in a segment (`!$&'()*+,=:@`).
 * They are kept as sent when forwarding, because a few servers tell them apart, but rules must not:
 * otherwise `/admin%3Adelete` would walk past a rule about `/admin:delete`. Wants a canonical path.
 */
export function unescapeReserved(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(escapedReserved, (escape) => String.fromCharCode(hexByte(escape, 1)));
}
