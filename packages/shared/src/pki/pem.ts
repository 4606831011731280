/** PEM (RFC 7468) in and out. */

export interface PemBlock {
  readonly label: string;
  readonly der: Uint8Array;
}

const block = /-----BEGIN ([A-Z0-9 ]{1,64})-----([^-]*)-----END ([A-Z0-9 ]{1,64})-----/g;

/** The blocks of a PEM text; null where a block is broken. Text between blocks is a comment. */
export function readPem(text: string): PemBlock[] | null {
  const blocks: PemBlock[] = [];
  for (const [, label = '', body = '', end = ''] of text.matchAll(block)) {
    const base64 = body.replace(/[\r\n \t]/g, '');
    const der = Buffer.from(base64, 'base64');
    if (label !== end || der.length === 0 || der.toString('base64') !== base64) return null;
    blocks.push({ label, der });
  }
  // A boundary that made no block means that something was cut off.
  const boundaries = text.match(/-----(BEGIN|END) /g)?.length ?? 0;
  return boundaries === blocks.length * 2 ? blocks : null;
}

/** One PEM block, lines of 64 characters. */
export function writePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

/** DER of the one certificate that is meant: DER as it is, or a PEM text with exactly one. */
export function certificateDer(pemOrDer: string | Uint8Array): Uint8Array | null {
  if (typeof pemOrDer !== 'string') return pemOrDer;
  const blocks = readPem(pemOrDer);
  const [only] = blocks ?? [];
  return blocks?.length === 1 && only?.label === 'CERTIFICATE' ? only.der : null;
}
