import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { canonicalHost } from '@sallyport/policy';
import { Lru } from '@sallyport/shared/lru';
import type { ServerCertificate } from '../../state/current.ts';
import type { ServedNames } from '../exchange.ts';
import { contextOptions } from './tls-options.ts';

/** One certificate of the listener, ready for handshakes. */
export interface ServedCertificate extends ServedNames {
  readonly context: SecureContext;
}

/** Names asked for that are remembered, the latest ones: anybody may ask for any. */
const namesKeptMax = 1000;

/** The certificates of the listener by the names in them: exact ones first, then wildcards. */
export class ServerNames {
  readonly #served: readonly Served[];
  readonly #found = new Lru<string, Served | null>({ sizeMax: namesKeptMax });

  /** Throws where a certificate, its key or an authority cannot be used. */
  constructor(certificates: readonly ServerCertificate[], authoritiesPem: readonly string[]) {
    this.#served = certificates.map((certificate) => new Served(certificate, authoritiesPem));
  }

  /** The certificate for a name as a client sent it; null: none, and the handshake fails. */
  find(serverName: string): ServedCertificate | null {
    const kept = this.#found.get(serverName);
    if (kept !== undefined) return kept;
    const host = canonicalHost(serverName);
    const found = host === null ? null : this.#match(host);
    this.#found.set(serverName, found);
    return found;
  }

  #match(host: string): Served | null {
    let wildcard: Served | null = null;
    for (const served of this.#served) {
      const name = served.nameFor(host);
      if (name === host) return served;
      if (name !== null) wildcard ??= served;
    }
    return wildcard;
  }
}

class Served implements ServedCertificate {
  readonly context: SecureContext;
  readonly #leaf: X509Certificate;
  readonly #covered = new Lru<string, boolean>({ sizeMax: namesKeptMax });

  constructor(certificate: ServerCertificate, authoritiesPem: readonly string[]) {
    this.#leaf = new X509Certificate(certificate.certificatePem);
    this.context = createSecureContext({
      ...contextOptions,
      cert: certificate.certificatePem,
      key: certificate.privateKeyPem,
      // The list a client chooses its certificate by. What is trusted is decided in 2-device.
      ca: [...authoritiesPem],
    });
  }

  covers(host: string): boolean {
    const kept = this.#covered.get(host);
    if (kept !== undefined) return kept;
    const covered = this.nameFor(host) !== null;
    this.#covered.set(host, covered);
    return covered;
  }

  /** The DNS name in the certificate that stands for the host: itself, or `*.` and the rest. */
  nameFor(host: string): string | null {
    const name = this.#leaf.checkHost(host, { subject: 'never', partialWildcards: false });
    return name?.toLowerCase() ?? null;
  }
}
