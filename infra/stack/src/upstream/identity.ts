import { assertionHeader } from '@sallyport/shared/assertion/claims';
import { verifyAssertion } from '@sallyport/shared/assertion/verify';
import { localhostLookup } from '@sallyport/shared/network/lookup';
import { createRemoteJWKSet, customFetch } from 'jose';
import { Agent, fetch } from 'undici';
import type { Identity } from './page.ts';

/** Where the application was told to find the keys, and whom it believes. */
export interface Trust {
  readonly jwksUrl: string;
  /** PEM: who may speak for the JWKS server. */
  readonly caPem: string;
  readonly issuer: string;
}

export type Identified =
  | { readonly ok: true; readonly identity: Identity }
  | { readonly ok: false; readonly problem: string };

/**
 * Reads identity the way any application behind the gate can: the assertion, verified with keys
 * that everybody may fetch. Keys are cached; an unknown key id makes it look again.
 */
export function createIdentifier(
  trust: Trust,
): (
  host: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
) => Promise<Identified> {
  const dispatcher = new Agent({ connect: { ca: trust.caPem, lookup: localhostLookup } });
  const keys = createRemoteJWKSet(new URL(trust.jwksUrl), {
    [customFetch]: async (url, { headers, signal }) => {
      const response = await fetch(url, { dispatcher, headers, signal, redirect: 'error' });
      return new Response(await response.text(), { status: response.status });
    },
    cooldownDuration: 250,
    cacheMaxAge: 600_000,
    timeoutDuration: 3_000,
  });
  return async (host, headers) => {
    const assertion = headers[assertionHeader.toLowerCase()];
    if (typeof assertion !== 'string') return { ok: false, problem: 'there is no assertion' };
    const verified = await verifyAssertion(assertion, keys, {
      issuer: trust.issuer,
      audience: `https://${host}`,
    });
    if (!verified.ok) return { ok: false, problem: `the assertion is ${verified.problem}` };
    const { claims } = verified;
    return {
      ok: true,
      identity: {
        subject: claims.subject,
        email: claims.email,
        groups: claims.groups,
        device: claims.deviceId,
        session: claims.sid,
        methods: claims.amr,
        issuer: claims.issuer,
        audience: claims.audience,
        expiresAt: new Date(claims.expiresAtSeconds * 1000).toISOString(),
      },
    };
  };
}
