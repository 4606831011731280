import type { ListenerSettings, TlsPolicy } from '../../state/current.ts';
import type { ServedNames } from '../exchange.ts';

/** `version`: as the socket names it; null: it is gone already. */
export function isNewEnough(version: string | null, { minVersion }: TlsPolicy): boolean {
  return version === 'TLSv1.3' || (version === 'TLSv1.2' && minVersion === 'TLSv1.2');
}

/**
 * What may be asked for on a connection: hosts that its certificate stands for and that share the
 * policy for TLS of the name it was opened for. Policies are those of now, so that a change holds
 * for connections that are open: hosts that share nothing any more are asked for on new ones.
 */
export class Reach implements ServedNames {
  readonly #serverName: string;
  readonly #served: ServedNames;
  readonly #version: string | null;
  readonly #settings: () => ListenerSettings;

  constructor(
    serverName: string,
    served: ServedNames,
    version: string | null,
    settings: () => ListenerSettings,
  ) {
    this.#serverName = serverName;
    this.#served = served;
    this.#version = version;
    this.#settings = settings;
  }

  covers(host: string): boolean {
    if (!this.#served.covers(host)) return false;
    const { tlsPolicies } = this.#settings();
    const policy = tlsPolicies.of(host);
    return policy === tlsPolicies.of(this.#serverName) && isNewEnough(this.#version, policy);
  }
}
