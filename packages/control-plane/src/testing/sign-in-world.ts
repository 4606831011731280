import { createHash, randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import {
  BeginSignInRequestSchema,
  CompleteSignInRequestSchema,
  type CompleteSignInResponse,
  type Place,
  type Position,
  positionToWire,
  SignInFailure,
} from '@sallyport/proto';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { verificationKeyFromRaw } from '@sallyport/shared/keys/ed25519';
import { sessionStatementPurpose } from '@sallyport/shared/keys/root';
import { type Authority, createAuthority } from '@sallyport/shared/pki/issue';
import { seal } from '@sallyport/shared/seal';
import { type SessionStatement, verifyStatement } from '@sallyport/shared/session/statement';
import { publish } from '../admin/configuration/publish.ts';
import { readHead } from '../store/change-log.ts';
import { putSecret, secretContext } from '../store/secrets.ts';
import { write } from '../store/write.ts';
import { type EdgeWorld, type JoinedEdge, startEdgeWorld, testActor } from './edge-world.ts';

/** What the edge makes up for one sign-in and keeps in a sealed cookie. */
export interface Attempt {
  readonly provider: string;
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly deviceId: string;
  readonly stepUp: boolean;
  readonly place?: Place;
}

export interface SignInWorld extends EdgeWorld {
  readonly edge: JoinedEdge;
  /** Issues the certificates of identity providers. */
  readonly authority: Authority;
  readonly redirectUri: (provider: string) => string;
  /** Puts a provider into the live configuration. */
  configure(providers: readonly ProviderEntry[]): Promise<void>;
  begin(attempt: Attempt): Promise<string>;
  complete(attempt: Attempt, query: string): Promise<CompleteSignInResponse>;
  /** The statement of an answer, verified as an edge does; fails for a refusal. */
  statementOf(response: CompleteSignInResponse): Promise<SessionStatement>;
}

export interface ProviderEntry {
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly internal?: readonly string[];
}

const signInHost = 'signin.corp.localhost';

/** A control plane with one edge and room for identity providers. */
export async function startSignInWorld(): Promise<SignInWorld> {
  const world = await startEdgeWorld();
  const authority = await createAuthority({ name: 'identity providers', days: 1 });
  const edge = await world.joinEdge();
  /** By state: where the revoke lane stood when the sign-in began. */
  const begunAt = new Map<string, Position>();
  return {
    ...world,
    edge,
    authority,
    redirectUri: (provider) =>
      `https://${signInHost}:8443/.well-known/sallyport/callback/${provider}`,
    configure: (providers) => configure(world, authority, providers),
    async begin(attempt) {
      const codeChallenge = createHash('sha256').update(attempt.codeVerifier).digest('base64url');
      const request = create(BeginSignInRequestSchema, { ...attempt, codeChallenge });
      const begun = await edge.client.unary('beginSignIn', request, 10_000);
      if (begun.revoke !== undefined) begunAt.set(attempt.state, begun.revoke);
      return begun.authorizationUrl;
    },
    async complete(attempt, callbackQuery) {
      // A sign-in that the test did not begin here began just now.
      const now = await readHead(world.database.db, 'revoke');
      const revoke = begunAt.get(attempt.state) ?? positionToWire(now);
      const request = create(CompleteSignInRequestSchema, {
        ...attempt,
        callbackQuery,
        sourceAddress: '192.0.2.7',
        userAgent: 'Test/1.0',
        revoke,
      });
      return edge.client.unary('completeSignIn', request, 10_000);
    },
    async statementOf({ result }) {
      if (result.case !== 'signedIn') throw new Error(`not signed in: ${JSON.stringify(result)}`);
      const key = world.seed.signingKeys
        .map((one) => one.key)
        .find(({ purpose }) => purpose === sessionStatementPurpose);
      if (key === undefined) throw new Error('the seed has no statement key');
      const keyOf = (id: string) =>
        id === key.keyId ? verificationKeyFromRaw(key.publicKey) : null;
      const statement = await verifyStatement(result.value.statement, keyOf, Date.now());
      if (typeof statement === 'string') throw new Error(`the statement is ${statement}`);
      return statement;
    },
  };
}

/** A new sign-in as the edge begins one. */
export function newAttempt(redirectUri: string, provider: string): Attempt {
  const random = (): string => randomBytes(32).toString('base64url');
  return {
    provider,
    redirectUri,
    state: random(),
    nonce: random(),
    codeVerifier: random(),
    deviceId: '',
    stepUp: false,
  };
}

/** Name of the refusal, or `signed in`. */
export function outcomeOf({ result }: CompleteSignInResponse): string {
  return result.case === 'refused'
    ? (SignInFailure[result.value.failure] ?? 'unknown')
    : 'signed in';
}

async function configure(
  world: EdgeWorld,
  authority: Authority,
  providers: readonly ProviderEntry[],
): Promise<void> {
  await write(world.database, testActor, { verb: 'apply', resource: 'config' }, async (tx) => {
    for (const { name, clientSecret } of providers) {
      const value = Buffer.from(clientSecret);
      await putSecret(
        tx.db,
        {
          id: `${name}-secret`,
          holder: 'control-plane',
          version: 1,
          sealedValue: seal(world.sealKey, value, secretContext(`${name}-secret`, 1)),
          sha256: createHash('sha256').update(value).digest(),
        },
        tx.nowMs,
      );
    }
    const given = documentsFor(authority, providers);
    const wanted = {
      change: { given, deleted: [], prune: true },
      author: testActor,
      message: '',
      mode: 'release',
      confirm: false,
      restores: null,
      unconditional: false,
    } as const;
    await publish(tx, wanted, null);
  });
}

function documentsFor(
  authority: Authority,
  providers: readonly ProviderEntry[],
): ConfigurationDocument[] {
  const apiVersion = 'sallyport.dev/v1';
  const [first] = providers;
  return [
    {
      apiVersion,
      kind: 'Settings',
      metadata: { name: 'default' },
      spec: {
        signIn: { host: signInHost, identityProvider: first?.name ?? 'none' },
        session: { lifetimeSeconds: 3_600 },
        network: { internal: [...(first?.internal ?? ['127.0.0.0/8'])] },
      },
    },
    {
      apiVersion,
      kind: 'TrustBundle',
      metadata: { name: 'providers' },
      spec: { use: ['identityProvider'], certificates: authority.certificatePem },
    },
    ...providers.map(
      ({ name, issuer, clientId }): ConfigurationDocument => ({
        apiVersion,
        kind: 'IdentityProvider',
        metadata: { name },
        spec: {
          issuer,
          clientId,
          clientSecret: `${name}-secret`,
          scopes: ['openid', 'email', 'profile', 'groups'],
          trustBundle: 'providers',
        },
      }),
    ),
  ];
}
