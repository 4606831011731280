import { authorizationCodeGrant, fetchUserInfo } from 'openid-client';
import { stepUpAgeSecondsMax } from './authorize.ts';
import {
  type ClaimSet,
  claimsAreIncomplete,
  type ProviderIdentity,
  readIdentity,
} from './claims.ts';
import { type ProviderFailure, providerFailure } from './failure.ts';
import { idTokenProblem } from './id-token.ts';
import type { Provider } from './providers.ts';

export interface Callback {
  readonly redirectUri: string;
  /** As it came, without the leading question mark. */
  readonly query: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly stepUp: boolean;
}

export type Redeemed =
  | { readonly ok: true; readonly identity: ProviderIdentity }
  | ({ readonly ok: false } & ProviderFailure);

/**
 * Redeems the code of a callback and verifies everything about the answer: state, `iss`, PKCE,
 * nonce, the ID token's signature and claims. Never throws for what the provider or browser sent.
 */
export async function redeem(
  provider: Provider,
  callback: Callback,
  nowMs: number,
): Promise<Redeemed> {
  const { configuration, settings } = provider;
  try {
    const tokens = await authorizationCodeGrant(configuration, callbackUrl(callback), {
      expectedState: callback.state,
      expectedNonce: callback.nonce,
      pkceCodeVerifier: callback.codeVerifier,
      ...(callback.stepUp ? { maxAge: stepUpAgeSecondsMax } : {}),
    });
    const claims = tokens.claims();
    if (claims === undefined || tokens.id_token === undefined) return refused('no ID token');
    const problem = idTokenProblem(tokens.id_token, claims, settings.clientId, nowMs);
    if (problem !== null) return refused(`ID token: ${problem}`);
    const all = await withUserInfo(provider, claims, tokens.access_token);
    const identity = readIdentity(all, settings.claims, nowMs);
    return 'problem' in identity ? refused(identity.problem) : { ok: true, identity };
  } catch (error) {
    return { ok: false, ...providerFailure(error) };
  }
}

function callbackUrl(callback: Callback): URL {
  const url = new URL(callback.redirectUri);
  url.search = callback.query;
  return url;
}

/** Many providers put e-mail and groups only there. Claims of the signed token win. */
async function withUserInfo(
  { configuration, settings }: Provider,
  claims: ClaimSet & { readonly sub: string },
  accessToken: string,
): Promise<ClaimSet> {
  if (configuration.serverMetadata().userinfo_endpoint === undefined) return claims;
  if (!claimsAreIncomplete(claims, settings.claims)) return claims;
  const more = await fetchUserInfo(configuration, accessToken, claims.sub);
  return { ...more, ...claims };
}

function refused(detail: string): Redeemed {
  return { ok: false, failure: 'refused', detail };
}
