import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Authority } from '@sallyport/shared/pki/issue';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { httpsServer } from './https-server.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** One lie: what this issuer says where a good one would say something else. */
export interface Lie {
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly discovery?: Answer;
  readonly token?: Answer;
  readonly jwks?: Answer;
  /** Makes the ID token; default: a good one. */
  readonly idToken?: (good: GoodToken) => Promise<string> | string;
}

export interface GoodToken {
  readonly issuer: string;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly key: CryptoKey;
  readonly publicJwk: JWK;
  sign(
    claims?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ): Promise<string>;
}

export interface HostileProvider {
  readonly origin: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Paths asked for, other than those of an issuer. */
  readonly strayRequests: readonly string[];
  /** A new issuer that tells this lie, with the nonce that its tokens carry. */
  issuer(lie: Lie, nonce: () => string): string;
}

export const kid = 'good-1';

/** A provider that does whatever a test says, one issuer for each lie. */
export async function startHostileProvider(authority: Authority): Promise<HostileProvider> {
  const clientId = 'sallyport';
  const clientSecret = 'a-secret-of-some-length-0123456789';
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'ES256' };
  const lies = new Map<string, { readonly lie: Lie; readonly nonce: () => string }>();
  const strayRequests: string[] = [];

  const server = await httpsServer(authority, 'idp.corp.localhost', (request, response) => {
    const [, name = '', ...rest] = (request.url ?? '').split('/');
    const found = lies.get(name);
    if (found === undefined) {
      strayRequests.push(request.url ?? '');
      response.writeHead(404).end();
      return;
    }
    const issuer = `${server.origin}/${name}`;
    const path = rest.join('/').replace(/\?.*$/, '');
    void answer(path, issuer, found.lie, found.nonce, request, response);
  });

  const answer = async (
    path: string,
    issuer: string,
    lie: Lie,
    nonce: () => string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    const own = {
      '.well-known/openid-configuration': lie.discovery,
      token: lie.token,
      jwks: lie.jwks,
    };
    const lying = own[path as keyof typeof own];
    if (lying !== undefined) {
      lying(request, response);
    } else if (path === '.well-known/openid-configuration') {
      json(response, {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        ...lie.metadata,
      });
    } else if (path === 'jwks') {
      json(response, { keys: [publicJwk] });
    } else if (path === 'token') {
      const good = goodToken(issuer, nonce());
      const idToken = await (lie.idToken?.(good) ?? good.sign());
      json(response, { access_token: 'opaque', token_type: 'Bearer', id_token: idToken });
    } else {
      strayRequests.push(request.url ?? '');
      response.writeHead(404).end();
    }
  };

  const goodToken = (issuer: string, nonce: string): GoodToken => {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: issuer,
      aud: clientId,
      sub: 'mallory',
      nonce,
      iat: now,
      exp: now + 300,
      email: 'mallory@corp.example',
      name: 'Mallory',
      groups: [],
    };
    return {
      issuer,
      claims,
      key: privateKey,
      publicJwk,
      sign: (change = {}, header = {}) =>
        new SignJWT({ ...claims, ...change })
          .setProtectedHeader({ alg: 'ES256', kid, ...header })
          .sign(privateKey),
    };
  };

  return {
    origin: server.origin,
    clientId,
    clientSecret,
    strayRequests,
    issuer(lie, nonce) {
      const name = `issuer-${lies.size + 1}`;
      lies.set(name, { lie, nonce });
      return `${server.origin}/${name}`;
    },
  };
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
