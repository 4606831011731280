import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { contextTag, tags } from './der.ts';
import { writePem } from './pem.ts';

/**
 * For tests: writes certificates by hand, also those that no library would write. Every part has a
 * good default, and a test changes the one thing that it is about.
 */

export interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export interface Forged {
  readonly der: Uint8Array;
  readonly pem: string;
  readonly keys: Keys;
  readonly name: string;
}

export interface ForgeOptions {
  readonly name?: string;
  /** Encoded; default: the name as its one common name. */
  readonly subject?: Uint8Array;
  readonly keys?: Keys;
  /** Default: self-signed. */
  readonly issuer?: Forged;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly ca?: boolean;
  /** Object identifiers; null: no such extension. */
  readonly purposes?: readonly string[] | null;
  /** First byte of the key usage; null: no such extension. */
  readonly keyUsage?: number | null;
  /** Encoded GeneralNames. */
  readonly names?: readonly Uint8Array[];
  readonly hash?: 'sha1' | 'sha256' | null;
  readonly spki?: Uint8Array;
  readonly more?: readonly Uint8Array[];
  readonly version?: number;
}

export const digitalSignature = 0x80;
export const keyEncipherment = 0x20;
export const keyCertSign = 0x04;
export const clientPurpose = '1.3.6.1.5.5.7.3.2';
export const serverPurpose = '1.3.6.1.5.5.7.3.1';

const signatureOids: Readonly<Record<string, string>> = {
  'ec/sha256': '1.2.840.10045.4.3.2',
  'ec/sha1': '1.2.840.10045.4.1',
  'rsa/sha256': '1.2.840.113549.1.1.11',
  'rsa/sha1': '1.2.840.113549.1.1.5',
  'ed25519/sha256': '1.3.101.112',
};

/** A new P-256 key pair. */
export function ecKeys(namedCurve = 'P-256', paramEncoding: 'named' | 'explicit' = 'named'): Keys {
  return generateKeyPairSync('ec', { namedCurve, paramEncoding });
}

/** A certificate of a device as it should be, but for what the options say. */
export function forge(options: ForgeOptions = {}): Forged {
  const keys = options.keys ?? ecKeys();
  const name = options.name ?? `forged ${randomBytes(4).toString('hex')}`;
  const signer = options.issuer?.keys ?? keys;
  const algorithm = algorithmOf(signer, options.hash ?? 'sha256');
  const toBeSigned = seq(
    ...((options.version ?? 3) === 1
      ? []
      : [tlv(contextTag(0, true), int((options.version ?? 3) - 1))]),
    tlv(tags.integer, Uint8Array.of(0x40, ...randomBytes(15))),
    algorithm,
    nameOf(options.issuer?.name ?? name),
    seq(
      time(options.notBefore ?? new Date('2026-01-01T00:00:00Z')),
      time(options.notAfter ?? new Date('2027-01-01T00:00:00Z')),
    ),
    options.subject ?? nameOf(name),
    options.spki ?? keys.publicKey.export({ type: 'spki', format: 'der' }),
    tlv(contextTag(3, true), seq(...extensionsOf(options))),
  );
  return certificate(toBeSigned, algorithm, { keys, signer, name, hash: options.hash ?? 'sha256' });
}

/** An authority as it should be, but for what the options say. */
export function forgeAuthority(options: ForgeOptions = {}): Forged {
  return forge({ ca: true, purposes: null, keyUsage: keyCertSign, ...options });
}

function certificate(
  toBeSigned: Uint8Array,
  algorithm: Uint8Array,
  by: { keys: Keys; signer: Keys; name: string; hash: string },
): Forged {
  const hash = by.signer.privateKey.asymmetricKeyType === 'ed25519' ? null : by.hash;
  const signature = sign(hash, toBeSigned, by.signer.privateKey);
  const der = seq(toBeSigned, algorithm, tlv(tags.bitString, Uint8Array.of(0, ...signature)));
  return { der, pem: writePem('CERTIFICATE', der), keys: by.keys, name: by.name };
}

function extensionsOf({ ca = false, purposes, keyUsage, names = [], more = [] }: ForgeOptions) {
  const usage = keyUsage === undefined ? digitalSignature : keyUsage;
  const wanted = purposes === undefined ? [clientPurpose] : purposes;
  const one = tlv(tags.boolean, Uint8Array.of(0xff));
  return [
    ...(ca ? [extension('2.5.29.19', seq(one), true)] : []),
    ...(usage === null ? [] : [extension('2.5.29.15', tlv(tags.bitString, bits(usage)), true)]),
    ...(wanted === null ? [] : [extension('2.5.29.37', seq(...wanted.map(oid)))]),
    ...(names.length === 0 ? [] : [extension('2.5.29.17', seq(...names))]),
    ...more,
  ];
}

/** An Extension. */
export function extension(id: string, value: Uint8Array, critical = false): Uint8Array {
  const flag = critical ? [tlv(tags.boolean, Uint8Array.of(0xff))] : [];
  return seq(oid(id), ...flag, tlv(tags.octetString, value));
}

/** A GeneralName with text: 1 e-mail, 2 DNS, 6 URI. */
export function textName(kind: 1 | 2 | 6, text: string): Uint8Array {
  return tlv(contextTag(kind, false), Buffer.from(text, 'latin1'));
}

/** Tag, length and content. */
export function tlv(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  const size = length < 0x80 ? [length] : lengthBytes(length);
  return Uint8Array.of(tag, ...size, ...content);
}

/** A SEQUENCE. */
export function seq(...parts: readonly Uint8Array[]): Uint8Array {
  return tlv(tags.sequence, Buffer.concat(parts));
}

/** An OBJECT IDENTIFIER. */
export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tlv(tags.oid, Uint8Array.from([first * 40 + second, ...rest].flatMap(arc)));
}

/** The fingerprint by which a certificate is enrolled. */
export function fingerprint(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}

function arc(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}

function lengthBytes(length: number): number[] {
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return [0x80 | bytes.length, ...bytes];
}

function bits(byte: number): Uint8Array {
  const unused = 31 - Math.clz32(byte & -byte);
  return Uint8Array.of(unused, byte);
}

function int(value: number): Uint8Array {
  return tlv(tags.integer, Uint8Array.of(value));
}

function nameOf(commonName: string): Uint8Array {
  return distinguishedName([['2.5.4.3', commonName]]);
}

/** A Name: its relative names in order, each with one or more attributes. */
export function distinguishedName(
  ...relative: readonly (readonly (readonly [id: string, text: string])[])[]
): Uint8Array {
  const attribute = ([id, text]: readonly [string, string]) =>
    seq(oid(id), tlv(tags.utf8String, Buffer.from(text)));
  return seq(...relative.map((one) => tlv(tags.set, Buffer.concat(one.map(attribute)))));
}

function time(date: Date): Uint8Array {
  const text = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  return tlv(tags.utcTime, Buffer.from(text.slice(2)));
}

function algorithmOf(signer: Keys, hash: string): Uint8Array {
  const id = signatureOids[`${signer.privateKey.asymmetricKeyType}/${hash}`];
  if (id === undefined) throw new TypeError(`no object identifier for ${hash}`);
  return seq(oid(id));
}
