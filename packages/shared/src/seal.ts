import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { open as openFile } from 'node:fs/promises';
import { SallyportError } from './errors.ts';

/**
 * Values encrypted at rest under a key file: AES-256-GCM, nonce at random, the context (what the
 * value is for, and of whom) authenticated with it, so that a value moved to another place does not
 * open there. A key file holds one key a line; the first seals, all of them open, so a key can be
 * changed without a moment at which something cannot be read.
 *
 * Sealed form: format (1 byte), key id (4), nonce (12), ciphertext, tag (16).
 */

const linePrefix = 'sallyport-key-1:';
const keyBytes = 32;
const keyFileBytesMax = 4096;
const format = 1;
const keyIdBytes = 4;
const nonceBytes = 12;
const tagBytes = 16;
const headerBytes = 1 + keyIdBytes + nonceBytes;

interface NumberedKey {
  readonly id: Buffer;
  readonly key: KeyObject;
}

/** The keys of a key file, the current one first. Key objects do not show in logs. */
export interface SealKey {
  readonly keys: readonly [NumberedKey, ...NumberedKey[]];
}

/** The text of a new key file: one line with one new key. */
export function newKeyFileText(): string {
  return `${linePrefix}${randomBytes(keyBytes).toString('base64url')}\n`;
}

/** Reads the text of a key file. Throws SallyportError `key_file_invalid`. */
export function parseKeyFile(text: string): SealKey {
  const keys = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parseLine);
  const [current, ...older] = keys;
  if (current === undefined) throw invalidKeyFile('it holds no key');
  if (new Set(keys.map(({ id }) => id.toString('hex'))).size !== keys.length) {
    throw invalidKeyFile('it holds the same key twice');
  }
  return { keys: [current, ...older] };
}

/**
 * Reads a key file, which nobody but its owner and group may read.
 * Throws SallyportError `key_file_invalid`.
 */
export async function readKeyFile(path: string): Promise<SealKey> {
  let text: string;
  try {
    const file = await openFile(path, 'r');
    try {
      const { mode, size } = await file.stat();
      if ((mode & 0o007) !== 0) throw invalidKeyFile(`${path} is open to everyone: chmod 600`);
      if (size > keyFileBytesMax) throw invalidKeyFile(`${path} is too large`);
      text = await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof SallyportError) throw error;
    throw new SallyportError('key_file_invalid', `${path} cannot be read`, { cause: error });
  }
  return parseKeyFile(text);
}

/** Encrypts `plain` under the current key, for this context only. */
export function seal(key: SealKey, plain: Uint8Array, context: string): Uint8Array {
  const [current] = key.keys;
  const header = Buffer.concat([Buffer.of(format), current.id, randomBytes(nonceBytes)]);
  const nonce = header.subarray(1 + keyIdBytes);
  const cipher = createCipheriv('aes-256-gcm', current.key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(additionalData(header, context));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([header, body, cipher.getAuthTag()]);
}

/**
 * Decrypts what `seal` made. Throws SallyportError `sealed_value_unreadable` where the key, the
 * context or a single bit is another.
 */
export function open(key: SealKey, sealed: Uint8Array, context: string): Uint8Array {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length < headerBytes + tagBytes || bytes[0] !== format) {
    throw unreadable('it does not have the form of a sealed value');
  }
  const header = bytes.subarray(0, headerBytes);
  const id = header.subarray(1, 1 + keyIdBytes);
  const numbered = key.keys.find((candidate) => candidate.id.equals(id));
  if (numbered === undefined) throw unreadable('it was sealed with a key that is not in the file');
  const nonce = header.subarray(1 + keyIdBytes);
  const cipher = createDecipheriv('aes-256-gcm', numbered.key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(additionalData(header, context));
  cipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
  try {
    const body = bytes.subarray(headerBytes, bytes.length - tagBytes);
    return Buffer.concat([cipher.update(body), cipher.final()]);
  } catch (error) {
    throw unreadable('it was changed, or it belongs to another place', error);
  }
}

function parseLine(line: string): NumberedKey {
  const encoded = line.startsWith(linePrefix) ? line.slice(linePrefix.length) : '';
  const bytes = Buffer.from(encoded, 'base64url');
  // Node skips characters that are not base64url, so the way back must give the same text.
  if (bytes.length !== keyBytes || bytes.toString('base64url') !== encoded) {
    throw invalidKeyFile(`a line is not "${linePrefix}" and 32 bytes in base64url`);
  }
  const digest = createHash('sha256').update('sallyport-key-id\0').update(bytes).digest();
  return { id: digest.subarray(0, keyIdBytes), key: createSecretKey(bytes) };
}

function additionalData(header: Buffer, context: string): Buffer {
  return Buffer.concat([header, Buffer.from(context, 'utf8')]);
}

function invalidKeyFile(detail: string): SallyportError {
  return new SallyportError('key_file_invalid', `The key file cannot be used: ${detail}`);
}

function unreadable(detail: string, cause?: unknown): SallyportError {
  return new SallyportError(
    'sealed_value_unreadable',
    `A sealed value cannot be opened: ${detail}`,
    {
      cause,
    },
  );
}
