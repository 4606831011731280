import { randomBytes } from 'node:crypto';
import type {
  IncomingHttpHeaders,
  IncomingMessage,
  RequestListener,
  ServerResponse,
} from 'node:http';
import { request } from 'node:https';
import { localhostLookup } from '@sallyport/shared/network/lookup';
import type { Authority } from '@sallyport/shared/pki/issue';
import { exportJWK, generateKeyPair } from 'jose';
import Provider, { type Context } from 'oidc-provider';
import { httpsServer } from './https-server.ts';

/** A person as the provider knows them. */
export interface Account {
  readonly sub: string;
  readonly [claim: string]: unknown;
}

export interface TestProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Who signs in next. */
  account: Account;
  /** Awaited before each answer of the userinfo endpoint. */
  beforeUserInfo: (() => Promise<void>) | null;
  /** Walks from an authorization URL to the callback; gives its query. */
  signIn(authorizationUrl: string): Promise<string>;
}

/** A real OpenID provider. E-mail, name and groups are where providers put them by default: userinfo. */
export async function startIdentityProvider(
  authority: Authority,
  redirectUris: readonly string[],
  options: { readonly claimsInIdToken: boolean } = { claimsInIdToken: false },
): Promise<TestProvider> {
  const clientId = 'sallyport';
  const clientSecret = randomBytes(24).toString('base64url');
  let handle: RequestListener = (_, response) => response.writeHead(503).end();
  const { origin } = await httpsServer(authority, 'idp.corp.localhost', (incoming, response) =>
    handle(incoming, response),
  );
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const key = { ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'test-1' };
  const test: TestProvider = {
    issuer: origin,
    clientId,
    clientSecret,
    account: { sub: 'alice' },
    beforeUserInfo: null,
    signIn: (url) => walk(url, authority.certificatePem, redirectUris),
  };
  const provider = new Provider(origin, {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: redirectUris,
        response_types: ['code'],
        grant_types: ['authorization_code'],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys: [key] },
    claims: {
      openid: ['sub', 'amr', 'acr', 'auth_time'],
      email: ['email', 'email_verified'],
      profile: ['name'],
      groups: ['groups'],
    },
    acrValues: ['urn:test:high'],
    conformIdTokenClaims: !options.claimsInIdToken,
    cookies: { keys: [randomBytes(24).toString('base64url')] },
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true },
    interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ ...test.account, sub: id }),
    }),
    loadExistingGrant: async ({ oidc }: Context) => {
      const { accountId } = oidc.session;
      const grant = new oidc.provider.Grant({ accountId, clientId: oidc.client.clientId });
      grant.addOIDCScope('openid email profile groups');
      await grant.save();
      return grant;
    },
  });
  const own = provider.callback();
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (incoming.url === '/me') await test.beforeUserInfo?.();
    await own(incoming, response);
  };
  handle = (incoming, response) => {
    if (incoming.url?.startsWith('/interaction/') !== true) {
      void answer(incoming, response);
      return;
    }
    const login = { accountId: test.account.sub, amr: ['pwd', 'otp'], acr: 'urn:test:high' };
    void provider.interactionFinished(incoming, response, { login });
  };
  return test;
}

/** A browser in as many lines as it takes: follows redirects, keeps cookies, stops at the callback. */
async function walk(start: string, ca: string, redirectUris: readonly string[]): Promise<string> {
  const cookies = new Map<string, string>();
  let url = start;
  for (let step = 0; step < 10; step += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const { status, headers, body } = await get(url, ca, cookie);
    for (const line of headers['set-cookie'] ?? []) {
      const [pair = ''] = line.split(';');
      const at = pair.indexOf('=');
      cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    if (headers.location === undefined) throw new Error(`no redirect: ${status} ${body}`);
    const next = new URL(headers.location, url);
    if (redirectUris.includes(`${next.origin}${next.pathname}`)) return next.search.slice(1);
    url = next.href;
  }
  throw new Error('the provider redirects without end');
}

function get(
  url: string,
  ca: string,
  cookie: string,
): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { ca, lookup: localhostLookup, headers: { cookie }, agent: false },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        );
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}
