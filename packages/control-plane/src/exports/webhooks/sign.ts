import { createHmac } from 'node:crypto';
import { ExportFailure } from '../failure.ts';

/** Signatures of the Standard Webhooks specification, version v1: HMAC-SHA-256. */

const prefix = 'whsec_';
const keyBytesMin = 24;
const keyBytesMax = 64;
const keysMax = 2;

/**
 * The keys in the value of a secret: one, or the new and the old one with white space between them
 * while receivers are being given the new one. Each is base64 of 24 to 64 bytes, with `whsec_` before
 * it or not. Throws `ExportFailure`.
 */
export function readKeys(secret: string): readonly Buffer[] {
  const words = secret.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0 || words.length > keysMax) throw unusable();
  return words.map((word) => {
    const text = word.startsWith(prefix) ? word.slice(prefix.length) : word;
    const key = Buffer.from(text, 'base64');
    const whole = key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '');
    if (!whole || key.length < keyBytesMin || key.length > keyBytesMax) throw unusable();
    return key;
  });
}

/** The headers that say of whom a body is, when, and that it was not changed. */
export function signedHeaders(
  keys: readonly Buffer[],
  id: string,
  timestampSeconds: number,
  body: string,
): Record<string, string> {
  const content = `${id}.${timestampSeconds}.${body}`;
  const signatures = keys.map(
    (key) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`,
  );
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signatures.join(' '),
  };
}

function unusable(): ExportFailure {
  return new ExportFailure(
    'its secret is not of the form whsec_…: one or two keys of 24 to 64 bytes in base64',
  );
}
