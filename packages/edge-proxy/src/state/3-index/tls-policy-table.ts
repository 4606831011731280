import { parseHostPattern } from '@sallyport/policy';
import { defaultTlsPolicy, type TlsPolicies, type TlsPolicy } from '../current.ts';

/** Policies for TLS by host: one that is listed itself first, then by a star, then the default. */
export class TlsPolicyTable implements TlsPolicies {
  readonly #exact = new Map<string, TlsPolicy>();
  readonly #bySuffix = new Map<string, TlsPolicy>();

  /** Throws for a host that is not canonical. */
  constructor(
    listed: readonly { readonly hosts: readonly string[]; readonly policy: TlsPolicy }[],
  ) {
    for (const { hosts, policy } of listed) {
      for (const text of hosts) {
        const pattern = parseHostPattern(text);
        if (pattern === null) throw new TypeError(`Settings: ${text} is not a host`);
        if (pattern.kind === 'exact') this.#exact.set(pattern.host, policy);
        else this.#bySuffix.set(pattern.suffix, policy);
      }
    }
  }

  of(host: string): TlsPolicy {
    const exact = this.#exact.get(host);
    if (exact !== undefined) return exact;
    const dot = host.indexOf('.');
    const suffix = dot < 0 ? '' : host.slice(dot + 1);
    return this.#bySuffix.get(suffix) ?? defaultTlsPolicy;
  }
}
