import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from './atomic-file.ts';
import type { AssertionKeyPair, EdgeIdentity, KeyedCertificate } from './identity.ts';

const format = 2;

/** The file cannot be used; joining anew is the remedy. */
export class IdentityFileError extends Error {
  override readonly name = 'IdentityFileError';
}

export function identityPath(home: string): string {
  return join(home, 'identity.json');
}

/**
 * Reads the identity of this edge; null: it has not joined. Throws IdentityFileError for a file
 * that is broken or that others may read.
 */
export async function readIdentity(home: string): Promise<EdgeIdentity | null> {
  const path = identityPath(home);
  let text: string;
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      throw new IdentityFileError(`${path} holds private keys and others may read it: chmod 600`);
    }
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const identity = parse(text);
  if (identity === null) throw new IdentityFileError(`${path} is not an identity of this version`);
  return identity;
}

/** Stores the identity, whole. */
export async function writeIdentity(home: string, identity: EdgeIdentity): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const rootPublicKey = Buffer.from(identity.rootPublicKey).toString('base64url');
  const text = JSON.stringify({ format, ...identity, rootPublicKey }, null, 2);
  await writeFileAtomically(identityPath(home), `${text}\n`);
}

function parse(text: string): EdgeIdentity | null {
  const value = readJson(text);
  if (!isObject(value) || value['format'] !== format) return null;
  const { edgeId, trustDomain, labels, rootPublicKey, controlPlaneCaPem, serial } = value;
  const { control, upstream, assertionKeys } = value;
  if (typeof edgeId !== 'string' || typeof trustDomain !== 'string') return null;
  if (!isLabels(labels)) return null;
  if (typeof rootPublicKey !== 'string' || typeof controlPlaneCaPem !== 'string') return null;
  if (typeof serial !== 'number' || !isKeyed(control) || !isKeyed(upstream)) return null;
  if (!Array.isArray(assertionKeys) || !assertionKeys.every(isAssertionKey)) return null;
  const key = Buffer.from(rootPublicKey, 'base64url');
  if (key.length !== 32 || assertionKeys.length === 0) return null;
  return {
    edgeId,
    trustDomain,
    labels,
    rootPublicKey: new Uint8Array(key),
    controlPlaneCaPem,
    control,
    upstream,
    assertionKeys,
    serial,
  };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function isLabels(value: unknown): value is Record<string, string> {
  return isObject(value) && hasTexts(value, Object.keys(value));
}

function isKeyed(value: unknown): value is KeyedCertificate {
  return hasTexts(value, ['certificatePem', 'privateKeyPem']);
}

function isAssertionKey(value: unknown): value is AssertionKeyPair {
  return hasTexts(value, ['kid', 'privateKeyPem', 'publicJwk']);
}

function hasTexts(value: unknown, names: readonly string[]): boolean {
  return isObject(value) && names.every((name) => typeof value[name] === 'string');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
