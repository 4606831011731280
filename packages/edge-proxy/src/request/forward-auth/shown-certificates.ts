import { X509Certificate } from 'node:crypto';
import type { FrontAsker } from '../../state/current.ts';
import type { PeerCertificate } from '../exchange.ts';
import { peerCertificate } from '../peer-certificate.ts';

const keptMax = 1_000;
const lengthMax = 16_384;

/** As nginx says it in $ssl_client_escaped_cert, a PEM block that is escaped as in addresses. */
const pemBlock = /^-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----\s*$/;
/** A byte sequence of RFC 8941, section 3.3.5, as RFC 9440 has it. */
const byteSequence = /^:([A-Za-z0-9+/]*={0,2}):$/;

/**
 * Certificates that clients showed to a front proxy, read from its headers. That a client has the
 * key is the front proxy's word; all else is looked at as with any other (2-device). There is
 * one of these for each dialect, so that nothing read in one of them is known in the other.
 */
export class ShownCertificates {
  readonly #dialect: FrontAsker['dialect'];
  readonly #kept = new Map<string, PeerCertificate>();

  constructor(dialect: FrontAsker['dialect']) {
    this.#dialect = dialect;
  }

  /** null: none was shown. */
  read(text: string): PeerCertificate | null | 'unreadable' {
    if (text === '' || text === '::') return null;
    if (text.length > lengthMax) return 'unreadable';
    const kept = this.#kept.get(text);
    if (kept !== undefined) return kept;
    const read = this.#dialect === 'nginx' ? fromEscapedPem(text) : fromByteSequence(text);
    if (read === null) return 'unreadable';
    if (this.#kept.size >= keptMax) this.#kept.clear();
    this.#kept.set(text, read);
    return read;
  }
}

function fromEscapedPem(text: string): PeerCertificate | null {
  try {
    const pem = decodeURIComponent(text);
    return pemBlock.test(pem) ? peerCertificate(new X509Certificate(pem)) : null;
  } catch {
    return null;
  }
}

function fromByteSequence(text: string): PeerCertificate | null {
  const base64 = byteSequence.exec(text)?.[1];
  if (base64 === undefined) return null;
  try {
    const der = Buffer.from(base64, 'base64');
    const certificate = new X509Certificate(der);
    // What stands behind it would be no part of it, and another reader may take that.
    return certificate.raw.equals(der) ? peerCertificate(certificate) : null;
  } catch {
    return null;
  }
}
