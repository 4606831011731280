import { createHash, randomBytes } from 'node:crypto';

/**
 * Bearer tokens of ours: `sp_adm_` for the admin API, `sp_join_` for edges that join, and 256
 * random bits. With that many bits a plain SHA-256 is as good a thing to store as a slow hash.
 */

export type TokenKind = 'adm' | 'join';

export interface NewToken {
  /** Shown once, stored nowhere. */
  readonly token: string;
  readonly sha256: Uint8Array;
}

/** A new token and the hash that is stored of it. */
export function newToken(kind: TokenKind): NewToken {
  const token = `sp_${kind}_${randomBytes(32).toString('base64url')}`;
  return { token, sha256: hashToken(token) };
}

/** SHA-256 of the whole token, by which it is looked up. */
export function hashToken(token: string): Uint8Array {
  return createHash('sha256').update(token, 'utf8').digest();
}

/** Whether the text has the shape of a token of this kind; asked before anything is hashed. */
export function isToken(kind: TokenKind, text: string): boolean {
  return text.startsWith(`sp_${kind}_`) && /^[A-Za-z0-9_-]{43}$/.test(text.slice(kind.length + 4));
}
