import {
  bitsOf,
  booleanOf,
  contextTag,
  DerError,
  type DerNode,
  expectTag,
  oidOf,
  readDer,
  sequenceOf,
  tags,
  unsignedOf,
} from './der.ts';
import { noNames, readAlternativeNames } from './names.ts';

/** The extensions that decide what a certificate may be used for. */
export interface Extensions {
  readonly isCa: boolean;
  /** How many authorities may follow; null: no limit, or not an authority. */
  readonly pathLength: number | null;
  /** null: the extension is absent. */
  readonly keyUsage: KeyUsage | null;
  /** Purposes as object identifiers; null: the extension is absent. */
  readonly extendedKeyUsage: readonly string[] | null;
  readonly hasClientAuth: boolean;
  readonly hasServerAuth: boolean;
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  readonly ipAddresses: readonly string[];
  /** See AlternativeNames.odd. */
  readonly oddNames: boolean;
  /** Lower-case hex; empty where absent. */
  readonly subjectKeyId: string;
  readonly authorityKeyId: string;
  /** Critical extensions that we do not understand: RFC 5280 says to refuse the certificate. */
  readonly unknownCritical: readonly string[];
}

export interface KeyUsage {
  readonly digitalSignature: boolean;
  readonly keyCertSign: boolean;
}

export const clientAuth = '1.3.6.1.5.5.7.3.2';
export const serverAuth = '1.3.6.1.5.5.7.3.1';
export const anyPurpose = '2.5.29.37.0';

const ids = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  /** Any policy is as good as another to us, so a critical one asks nothing. */
  certificatePolicies: '2.5.29.32',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;
const understood: ReadonlySet<string> = new Set(Object.values(ids));

const extensionsMax = 64;

interface Extension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** Reads the Extensions of a certificate (RFC 5280, 4.2); undefined: it has none. Throws DerError. */
export function readExtensions(list: DerNode | undefined): Extensions {
  const all = readAll(list);
  const value = (id: string): Uint8Array | undefined => all.get(id)?.value;
  const names = value(ids.subjectAlternativeName);
  const { odd, ...alternativeNames } = names === undefined ? noNames : readAlternativeNames(names);
  const purposes = value(ids.extendedKeyUsage);
  const extendedKeyUsage = purposes === undefined ? null : sequenceOf(readDer(purposes)).map(oidOf);
  return {
    ...readBasicConstraints(value(ids.basicConstraints)),
    keyUsage: readKeyUsage(value(ids.keyUsage)),
    extendedKeyUsage,
    hasClientAuth: extendedKeyUsage?.includes(clientAuth) ?? false,
    hasServerAuth: extendedKeyUsage?.includes(serverAuth) ?? false,
    ...alternativeNames,
    oddNames: odd,
    subjectKeyId: readSubjectKeyId(value(ids.subjectKeyId)),
    authorityKeyId: readAuthorityKeyId(value(ids.authorityKeyId)),
    unknownCritical: [...all].flatMap(([id, { critical }]) =>
      critical && !understood.has(id) ? [id] : [],
    ),
  };
}

function readAll(list: DerNode | undefined): Map<string, Extension> {
  const all = new Map<string, Extension>();
  for (const item of list === undefined ? [] : sequenceOf(list)) {
    const parts = sequenceOf(item);
    const [oid, criticalNode, value] = parts.length === 3 ? parts : [parts[0], undefined, parts[1]];
    const id = oidOf(oid);
    if (all.has(id)) throw new DerError(`extension ${id} twice`);
    if (all.size === extensionsMax) throw new DerError('too many extensions');
    const critical = criticalNode === undefined ? false : booleanOf(criticalNode);
    all.set(id, { critical, value: expectTag(value, tags.octetString).content });
  }
  return all;
}

function readBasicConstraints(
  value: Uint8Array | undefined,
): Pick<Extensions, 'isCa' | 'pathLength'> {
  if (value === undefined) return { isCa: false, pathLength: null };
  const [ca, length] = sequenceOf(readDer(value));
  const isCa = ca === undefined ? false : booleanOf(ca);
  if (length === undefined) return { isCa, pathLength: null };
  const bytes = unsignedOf(length);
  if (bytes.length > 1) throw new DerError('a path length out of range');
  return { isCa, pathLength: bytes[0] ?? 0 };
}

/** RFC 5280, 4.2.1.3: bit 0 is digitalSignature, bit 5 keyCertSign. */
function readKeyUsage(value: Uint8Array | undefined): KeyUsage | null {
  if (value === undefined) return null;
  const [first = 0] = bitsOf(readDer(value)).bytes;
  return { digitalSignature: (first & 0x80) !== 0, keyCertSign: (first & 0x04) !== 0 };
}

function readSubjectKeyId(value: Uint8Array | undefined): string {
  if (value === undefined) return '';
  return Buffer.from(expectTag(readDer(value), tags.octetString).content).toString('hex');
}

function readAuthorityKeyId(value: Uint8Array | undefined): string {
  if (value === undefined) return '';
  const keyId = sequenceOf(readDer(value)).find(({ tag }) => tag === contextTag(0, false));
  return Buffer.from(keyId?.content ?? []).toString('hex');
}
