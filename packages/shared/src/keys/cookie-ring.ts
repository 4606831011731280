import { randomBytes } from 'node:crypto';

/**
 * The keys that edges seal cookies with: the value of the secret `cookie-ring`. The first key
 * seals, all of them open, so that a new one can be put in front without signing anybody out.
 */

export const cookieRingSecret = 'cookie-ring';

export interface CookieKey {
  readonly id: string;
  /** 32 bytes, for A256GCM. */
  readonly key: Uint8Array;
}

export interface CookieRing {
  readonly current: CookieKey;
  readonly keys: ReadonlyMap<string, Uint8Array>;
}

const keyBytes = 32;
const keysMax = 8;

/** The value of the secret with one new key in front of those that `value` has. */
export function rotateCookieRing(value: string | null): string {
  const older = value === null ? [] : (readKeys(value) ?? []);
  const key = randomBytes(keyBytes);
  const keys = [{ id: randomBytes(6).toString('base64url'), key }, ...older].slice(0, keysMax);
  return JSON.stringify({
    keys: keys.map((one) => ({ id: one.id, key: Buffer.from(one.key).toString('base64url') })),
  });
}

/** Reads the value of the secret; null where it is not a ring. */
export function parseCookieRing(value: string): CookieRing | null {
  const keys = readKeys(value);
  const [current] = keys ?? [];
  if (keys === null || current === undefined) return null;
  return { current, keys: new Map(keys.map(({ id, key }) => [id, key])) };
}

function readKeys(value: string): CookieKey[] | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    return null;
  }
  if (typeof parsed !== 'object' || parsed === null || !('keys' in parsed)) return null;
  const { keys } = parsed;
  if (!Array.isArray(keys) || keys.length > keysMax) return null;
  const read = keys.map(readKey).filter((key) => key !== null);
  const distinct = new Set(read.map(({ id }) => id));
  return read.length === keys.length && distinct.size === keys.length ? read : null;
}

function readKey(value: unknown): CookieKey | null {
  if (typeof value !== 'object' || value === null || !('id' in value) || !('key' in value))
    return null;
  const { id, key } = value;
  if (typeof id !== 'string' || !/^[A-Za-z0-9_-]{1,32}$/.test(id) || typeof key !== 'string')
    return null;
  const bytes = Buffer.from(key, 'base64url');
  return bytes.length === keyBytes ? { id, key: bytes } : null;
}
