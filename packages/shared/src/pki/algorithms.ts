import {
  bitsOf,
  type DerNode,
  expectTag,
  oidOf,
  readDer,
  sequenceOf,
  tags,
  unsignedOf,
} from './der.ts';

/** Which keys and signatures are strong enough (abuse row 15), read from their DER. */

const rsaEncryption = '1.2.840.113549.1.1.1';
const rsaPss = '1.2.840.113549.1.1.10';
const ecPublicKey = '1.2.840.10045.2.1';
const ed25519 = '1.3.101.112';

const rsaBitsMin = 2048;
const rsaBitsMax = 8192;
const rsaExponentMin = 65_537;

/** Named curves and the length of an uncompressed point. */
const curves: Readonly<Record<string, number>> = {
  '1.2.840.10045.3.1.7': 65,
  '1.3.132.0.34': 97,
  '1.3.132.0.35': 133,
};

/** Signature algorithms, and the hash for those that name one; RSA-PSS has it in its parameters. */
const signatures: Readonly<Record<string, string | null>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  [ed25519]: null,
};

const sha2 = new Set([
  '2.16.840.1.101.3.4.2.1',
  '2.16.840.1.101.3.4.2.2',
  '2.16.840.1.101.3.4.2.3',
]);

/** What is wrong with a SubjectPublicKeyInfo, or null. Throws DerError for what is not one. */
export function publicKeyProblem(spki: Uint8Array): string | null {
  const [algorithm, key] = sequenceOf(readDer(spki));
  const [oidNode, parameters] = sequenceOf(algorithm);
  const { unused, bytes } = bitsOf(key);
  if (unused !== 0) return 'the key is not a whole number of bytes';
  const oid = oidOf(oidNode);
  if (oid === rsaEncryption || oid === rsaPss) return rsaProblem(bytes);
  if (oid === ecPublicKey) return ecProblem(parameters, bytes);
  if (oid === ed25519) return bytes.length === 32 ? null : 'the Ed25519 key has a wrong length';
  return `keys of the type ${oid} are not accepted`;
}

/** What is wrong with a signature's AlgorithmIdentifier, or null. Throws DerError. */
export function signatureProblem(algorithm: Uint8Array): string | null {
  const [oidNode, parameters] = sequenceOf(readDer(algorithm));
  const oid = oidOf(oidNode);
  if (oid === rsaPss) {
    return pssHashIsStrong(parameters) ? null : 'RSA-PSS signatures must use SHA-256 or better';
  }
  return Object.hasOwn(signatures, oid) ? null : `signatures of the type ${oid} are not accepted`;
}

/** The name of the hash for `crypto.verify` (null: the key's own), or undefined: not supported. */
export function signatureHash(algorithm: Uint8Array): string | null | undefined {
  const oid = oidOf(sequenceOf(readDer(algorithm))[0]);
  return Object.hasOwn(signatures, oid) ? signatures[oid] : undefined;
}

function rsaProblem(key: Uint8Array): string | null {
  const [modulus, exponent] = sequenceOf(readDer(key)).map(unsignedOf);
  if (modulus === undefined || exponent === undefined) return 'the RSA key is incomplete';
  const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
  if (bits < rsaBitsMin || bits > rsaBitsMax) {
    return `RSA keys must have from ${rsaBitsMin} to ${rsaBitsMax} bits, this one has ${bits}`;
  }
  const value =
    exponent.length > 5 ? 0 : Number(`0x${Buffer.from(exponent).toString('hex') || '0'}`);
  const good = value >= rsaExponentMin && value % 2 === 1;
  return good ? null : `the RSA exponent must be odd and at least ${rsaExponentMin}`;
}

function ecProblem(parameters: DerNode | undefined, point: Uint8Array): string | null {
  // Explicit curve parameters have been used to forge and to crash; only names are accepted.
  if (parameters?.tag !== tags.oid) return 'the elliptic curve must be given by name';
  const curve = oidOf(parameters);
  const length = Object.hasOwn(curves, curve) ? curves[curve] : undefined;
  if (length === undefined) return `the elliptic curve ${curve} is not accepted`;
  const good = point.length === length && point[0] === 4;
  return good ? null : 'the point of the elliptic curve key must be uncompressed';
}

/** RFC 4055: the hash is in the field [0], and its default is SHA-1. */
function pssHashIsStrong(parameters: DerNode | undefined): boolean {
  const hashField = sequenceOf(parameters).find((field) => field.tag === 0xa0);
  if (hashField === undefined) return false;
  const [oidNode] = sequenceOf(readDer(hashField.content));
  return sha2.has(oidOf(expectTag(oidNode, tags.oid)));
}
