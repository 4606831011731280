import { buildAuthorizationUrl } from 'openid-client';
import type { Provider } from './providers.ts';

/** What the edge made up for one sign-in and keeps in its sealed cookie. */
export interface AuthorizationRequest {
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeChallenge: string;
  readonly stepUp: boolean;
}

/** From the fresh authentication to its redemption, seconds. */
export const stepUpAgeSecondsMax = 600;

/** The URL to send the browser to: code flow with PKCE S256, state and nonce, always all three. */
export function authorizationUrl(provider: Provider, request: AuthorizationRequest): string {
  const scopes = new Set(['openid', ...provider.settings.scopes]);
  return buildAuthorizationUrl(provider.configuration, {
    response_type: 'code',
    redirect_uri: request.redirectUri,
    scope: [...scopes].join(' '),
    state: request.state,
    nonce: request.nonce,
    code_challenge: request.codeChallenge,
    code_challenge_method: 'S256',
    ...(request.stepUp ? { prompt: 'login', max_age: '0' } : {}),
  }).href;
}
