import type { JWK } from 'jose';
import Provider from 'oidc-provider';
import { people } from '../people.ts';
import { errorPage } from './pages.ts';

export interface ProviderOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUris: readonly string[];
  readonly signingKey: JWK;
  readonly cookieKey: string;
}

const minute = 60;
const hour = 60 * minute;

/** A real OpenID provider with one client, our control plane, and the people of the stack. */
export function createProvider(options: ProviderOptions): Provider {
  const provider = new Provider(options.issuer, {
    clients: [
      {
        client_id: options.clientId,
        client_secret: options.clientSecret,
        redirect_uris: options.redirectUris,
        response_types: ['code'],
        grant_types: ['authorization_code'],
        token_endpoint_auth_method: 'client_secret_basic',
        id_token_signed_response_alg: 'ES256',
        require_auth_time: true,
      },
    ],
    jwks: { keys: [options.signingKey] },
    claims: {
      openid: ['sub', 'amr', 'acr', 'auth_time'],
      email: ['email', 'email_verified'],
      profile: ['name', 'preferred_username'],
      groups: ['groups'],
    },
    // E-mail and groups in the ID token itself, as most company providers do it.
    conformIdTokenClaims: false,
    cookies: { keys: [options.cookieKey] },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: false },
    },
    pkce: { required: () => true },
    ttl: {
      AccessToken: hour,
      AuthorizationCode: minute,
      Grant: 8 * hour,
      IdToken: hour,
      Interaction: 10 * minute,
      Session: 8 * hour,
    },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    findAccount: (_, id) => {
      const person = people.find(({ name }) => name === id);
      if (person === undefined) return Promise.resolve(undefined);
      return Promise.resolve({
        accountId: id,
        claims: () => ({
          sub: id,
          email: person.email,
          email_verified: true,
          name: id.charAt(0).toUpperCase() + id.slice(1),
          preferred_username: id,
          groups: person.groups,
        }),
      });
    },
    // The company's own client: nobody is asked for consent.
    loadExistingGrant: async ({ oidc }) => {
      const grant = new oidc.provider.Grant({
        accountId: oidc.session.accountId,
        clientId: oidc.client.clientId,
      });
      grant.addOIDCScope('openid email profile groups');
      await grant.save();
      return grant;
    },
    renderError: (ctx, out) => {
      ctx.type = 'html';
      ctx.body = errorPage(out['error_description'] ?? out['error'] ?? 'The sign-in failed.');
    },
  });
  provider.on('server_error', (_, error) => console.error('server_error', error));
  return provider;
}
