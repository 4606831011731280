import { readCookieRing } from '../state/2-store/credentials.ts';
import type { ServerCertificate } from '../state/current.ts';
import type { WorkerCredentials } from '../worker/messages.ts';
import type { EdgeIdentity, KeyedCertificate } from './identity.ts';

/** Puts together what the workers sign, seal and present with. */
export class CredentialBench {
  #identity: EdgeIdentity;
  #serverCertificates: readonly ServerCertificate[];
  #cookieRing: Uint8Array | null = null;

  constructor(identity: EdgeIdentity, serverCertificates: readonly ServerCertificate[]) {
    this.#identity = identity;
    this.#serverCertificates = serverCertificates;
  }

  setIdentity(identity: EdgeIdentity): void {
    this.#identity = identity;
  }

  /** What the edge shows to the control plane and to the bus. */
  control(): KeyedCertificate {
    return this.#identity.control;
  }

  setServerCertificates(certificates: readonly ServerCertificate[]): void {
    this.#serverCertificates = certificates;
  }

  /**
   * Returns whether it is another ring than before; null: there is none to be used. Throws for a
   * value that is none.
   */
  setCookieRing(value: Uint8Array | null): boolean {
    if (value !== null) readCookieRing(value);
    const before = this.#cookieRing;
    this.#cookieRing = value;
    if (before === null || value === null) return before !== value;
    return Buffer.compare(before, value) !== 0;
  }

  /** PEM of every certificate in use, by whom it is shown to. */
  certificates(): Readonly<Record<'control_plane' | 'upstreams' | 'clients', readonly string[]>> {
    const { control, upstream } = this.#identity;
    return {
      control_plane: [control.certificatePem],
      upstreams: [upstream.certificatePem],
      clients: this.#serverCertificates.map(({ certificatePem }) => certificatePem),
    };
  }

  credentials(): WorkerCredentials {
    const { upstream, assertionKeys, serial } = this.#identity;
    return {
      upstream: { ...upstream, serial },
      assertionKeys: assertionKeys.map(({ kid, privateKeyPem }) => ({ kid, privateKeyPem })),
      serverCertificates: this.#serverCertificates,
      cookieRing: this.#cookieRing,
    };
  }
}
