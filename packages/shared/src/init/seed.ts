import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { canonicalJson } from '../canonical-json.ts';
import { SallyportError } from '../errors.ts';
import { parseCookieRing } from '../keys/cookie-ring.ts';
import { rawPublicKey } from '../keys/ed25519.ts';
import { endorsedPurposes, verifySigningKey } from '../keys/root.ts';
import { inspectCertificate } from '../pki/certificate.ts';
import type { Authority } from '../pki/issue.ts';
import { isTrustDomain } from '../pki/spiffe.ts';
import { open, readKeyFile, type SealKey, seal } from '../seal.ts';
import type { SigningKey } from '../state/model.ts';

/**
 * What a new installation starts from: the secrets that `sallyport init` made, sealed under the key
 * file. The control plane takes it in at its first start, and never again.
 */
export interface Seed {
  readonly trustDomain: string;
  readonly createdAtMs: number;
  /** Raw, 32 bytes. */
  readonly rootPublicKey: Uint8Array;
  readonly authorities: {
    /** Edges towards the control plane, and the control plane's own server certificate. */
    readonly edge: Authority;
    /** Edges towards upstreams. */
    readonly upstream: Authority;
    readonly device: Authority;
    /** The admin API's server certificate. */
    readonly admin: Authority;
  };
  /** Of statements, lanes and heartbeats. */
  readonly signingKeys: readonly SeedKey[];
  readonly ownerTokenSha256: Uint8Array;
  /** Value of the secret `cookie-ring`. */
  readonly cookieRing: string;
}

export interface SeedKey {
  readonly key: SigningKey;
  /** PKCS#8. */
  readonly privateKeyPem: string;
}

export const seedFile = 'seed.json';
export const keyFile = 'key-file';

const format = 'sallyport-seed-2';
const signingKeysMax = 32;
const closed = { additionalProperties: false } as const;
const bytes = (length: number) =>
  Type.String({ pattern: `^[A-Za-z0-9_-]{${Math.ceil((length * 4) / 3)}}$` });
const pem = Type.String({ minLength: 1, maxLength: 16_384 });
const timeMs = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const StoredAuthority = Type.Object({ certificatePem: pem, privateKeyPem: pem }, closed);

const StoredKey = Type.Object(
  {
    keyId: Type.String({ minLength: 1, maxLength: 64 }),
    purpose: Type.String({ minLength: 1, maxLength: 64 }),
    publicKey: bytes(32),
    notBeforeMs: timeMs,
    notAfterMs: timeMs,
    rootSignature: bytes(64),
    privateKeyPem: pem,
  },
  closed,
);

const Envelope = Type.Object(
  {
    format: Type.Literal(format),
    sealed: Type.String({ pattern: '^[A-Za-z0-9_-]+$', maxLength: 262_144 }),
  },
  closed,
);

const StoredSeed = Type.Object(
  {
    trustDomain: Type.String({ minLength: 1, maxLength: 253 }),
    createdAtMs: timeMs,
    rootPublicKey: bytes(32),
    authorities: Type.Object(
      {
        edge: StoredAuthority,
        upstream: StoredAuthority,
        device: StoredAuthority,
        admin: StoredAuthority,
      },
      closed,
    ),
    signingKeys: Type.Array(StoredKey, { minItems: 1, maxItems: signingKeysMax }),
    ownerTokenSha256: bytes(32),
    cookieRing: Type.String({ minLength: 1, maxLength: 4096 }),
  },
  closed,
);

/** The text of seed.json. */
export function writeSeed(seed: Seed, key: SealKey): string {
  const stored: Static<typeof StoredSeed> = {
    ...seed,
    rootPublicKey: encode(seed.rootPublicKey),
    signingKeys: seed.signingKeys.map(storedKey),
    ownerTokenSha256: encode(seed.ownerTokenSha256),
  };
  const sealed = seal(key, Buffer.from(canonicalJson(stored), 'utf8'), format);
  return `${JSON.stringify({ format, sealed: encode(sealed) })}\n`;
}

function storedKey({ key, privateKeyPem }: SeedKey): Static<typeof StoredKey> {
  const { op: _, ...fields } = key;
  return {
    ...fields,
    publicKey: encode(key.publicKey),
    rootSignature: encode(key.rootSignature),
    privateKeyPem,
  };
}

/**
 * Reads seed.json of a directory that `sallyport init` made, with the key file beside it.
 * Throws SallyportError `seed_invalid`, `key_file_invalid` or `sealed_value_unreadable`.
 */
export async function readSeed(directory: string): Promise<Seed> {
  const key = await readKeyFile(join(directory, keyFile));
  const path = join(directory, seedFile);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new SallyportError('seed_invalid', `${path} cannot be read`, { cause: error });
  }
  return parseSeed(text, key);
}

/** Reads the text of seed.json. Throws SallyportError `seed_invalid` or `sealed_value_unreadable`. */
export function parseSeed(text: string, key: SealKey): Seed {
  const envelope = parseAs(Envelope, text);
  const plain = Buffer.from(open(key, Buffer.from(envelope.sealed, 'base64url'), format));
  const stored = parseAs(StoredSeed, plain.toString('utf8'));
  const seed: Seed = {
    ...stored,
    rootPublicKey: decode(stored.rootPublicKey),
    signingKeys: stored.signingKeys.map(({ privateKeyPem, ...fields }) => ({
      key: {
        op: 'signing_key',
        ...fields,
        publicKey: decode(fields.publicKey),
        rootSignature: decode(fields.rootSignature),
      },
      privateKeyPem,
    })),
    ownerTokenSha256: decode(stored.ownerTokenSha256),
  };
  const problem = problemOf(seed);
  if (problem !== null) throw invalid(problem);
  return seed;
}

function parseAs<T extends TSchema>(schema: T, text: string): Static<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SallyportError('seed_invalid', 'The seed is not JSON', { cause: error });
  }
  if (!Value.Check(schema, value)) throw invalid('it does not have the form of a seed');
  return value as Static<T>;
}

/** Whether the parts belong together; null: they do. */
function problemOf(seed: Seed): string | null {
  if (!isTrustDomain(seed.trustDomain)) return 'its trust domain is not a DNS name';
  const bad = Object.entries(seed.authorities).find(([, authority]) => !isWhole(authority));
  if (bad !== undefined) return `certificate and key of its ${bad[0]} authority do not match`;
  const problem = problemOfKeys(seed);
  if (problem !== null) return problem;
  return parseCookieRing(seed.cookieRing) === null ? 'its cookie ring is not one' : null;
}

function problemOfKeys({ signingKeys, rootPublicKey }: Seed): string | null {
  const missing = endorsedPurposes.find(
    (purpose) => !signingKeys.some(({ key }) => key.purpose === purpose),
  );
  if (missing !== undefined) return `it has no ${missing} key`;
  if (new Set(signingKeys.map(({ key }) => key.keyId)).size !== signingKeys.length) {
    return 'it has a signing key twice';
  }
  const purposes: readonly string[] = endorsedPurposes;
  for (const { key, privateKeyPem } of signingKeys) {
    const { purpose, publicKey } = key;
    if (!purposes.includes(purpose)) return 'it has a key for a purpose that is not known';
    if (!verifySigningKey(key, rootPublicKey)) return `its ${purpose} key is not endorsed`;
    if (!isPublicHalf(publicKey, privateKeyPem)) return `its ${purpose} key is of two halves`;
  }
  return null;
}

function isWhole({ certificatePem, privateKeyPem }: Authority): boolean {
  if (inspectCertificate(certificatePem)?.isCa !== true) return false;
  try {
    return new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(privateKeyPem));
  } catch {
    return false;
  }
}

function isPublicHalf(publicKey: Uint8Array, privateKeyPem: string): boolean {
  try {
    return Buffer.compare(rawPublicKey(createPrivateKey(privateKeyPem)), publicKey) === 0;
  } catch {
    return false;
  }
}

function encode(value: Uint8Array): string {
  return Buffer.from(value).toString('base64url');
}

function decode(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64url'));
}

function invalid(detail: string): SallyportError {
  return new SallyportError('seed_invalid', `The seed cannot be used: ${detail}`);
}
