import { randomBytes } from 'node:crypto';

export type IdPrefix =
  | 'usr'
  | 'grp'
  | 'dev'
  | 'ses'
  | 'edg'
  | 'rev'
  | 'tok'
  | 'req'
  | 'aud'
  | 'rol'
  | 'whd'
  | 'sig';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** A new id: prefix, underscore and 26 Crockford base32 characters of 130 random bits. */
export function newId(prefix: IdPrefix): string {
  let text = '';
  for (const byte of randomBytes(26)) text += alphabet.charAt(byte & 31);
  return `${prefix}_${text}`;
}

/** Whether the text has the shape of an id with this prefix. */
export function isId(prefix: IdPrefix, text: string): boolean {
  return text.startsWith(`${prefix}_`) && /^[0-9a-hjkmnp-tv-z]{26}$/.test(text.slice(4));
}
