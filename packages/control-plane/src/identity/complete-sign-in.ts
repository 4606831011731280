import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@sallyport/shared/clock';
import { SallyportError } from '@sallyport/shared/errors';
import type { Log } from '@sallyport/shared/log';
import { signStatement } from '@sallyport/shared/session/statement';
import type { KnownPlace } from '@sallyport/shared/signals/place';
import type { Position } from '@sallyport/shared/state/model';
import type { Signals } from '../signals/signals.ts';
import { type Database, read } from '../store/database.ts';
import { useOnce } from '../store/single-use.ts';
import type { ConfigurationReader, SignInConfiguration } from './configuration.ts';
import { createSession, type SessionRefusal } from './new-session.ts';
import type { Providers } from './oidc/providers.ts';
import { type Redeemed, redeem } from './oidc/redeem.ts';
import { isRedirectUriOf } from './redirect-uri.ts';
import { noteSignIn, noteSignInFailed, noteSignInOfNobody } from './sign-in-signals.ts';
import type { StatementKeys } from './statement-keys.ts';

export interface SignInParts {
  readonly database: Database;
  readonly configuration: ConfigurationReader;
  readonly signals: Signals;
  readonly clock: Clock;
  readonly log: Log;
  readonly providers: Providers;
  readonly keys: StatementKeys;
}

export interface SignInRequest {
  readonly provider: string;
  readonly redirectUri: string;
  readonly callbackQuery: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly deviceId: string | null;
  readonly sourceAddress: string;
  /** Where that is; null: nothing is known of it. */
  readonly place: KnownPlace | null;
  readonly userAgent: string;
  readonly stepUp: boolean;
  /** Head of the revoke lane when BeginSignIn answered. */
  readonly begunAt: Position;
}

export type SignInOutcome =
  | { readonly kind: 'signed_in'; readonly statement: string; readonly directory: Position }
  | {
      readonly kind: 'refused';
      readonly failure:
        | Exclude<SessionRefusal, 'revoked_meanwhile'>
        | 'state_used'
        | 'provider_unavailable';
      readonly detail: string;
    };

/** The edge's cookie with the state lives 10 minutes; this is longer than that and any clock skew. */
const stateKeptMs = 20 * 60_000;
/** The edge waits 5 s for the whole call. */
const providerTimeoutMs = 4_000;

/**
 * Redeems one callback. The state is used up before anything else is tried, in a transaction of its
 * own: no transaction stays open while a provider is waited for, and a second callback with the
 * same state is refused whatever became of the first.
 */
export async function completeSignIn(
  parts: SignInParts,
  caller: { readonly edgeId: string; readonly gone: () => boolean },
  request: SignInRequest,
): Promise<SignInOutcome> {
  const { database, clock, log } = parts;
  const configuration = await parts.configuration(request.provider);
  if (!isRedirectUriOf(request.provider, configuration.host, request.redirectUri)) {
    return refused('refused', 'redirect_uri is not that of the provider');
  }
  if (!(await useState(database, request.state, clock()))) {
    return refused('state_used', 'this sign-in was completed before');
  }
  const redeemed = await redeemInTime(parts, configuration, request);
  if (!redeemed.ok) {
    log.info('identity.sign_in_refused', { provider: request.provider, ...redeemed });
    noteSignInOfNobody(parts);
    return refused(redeemed.failure, redeemed.detail);
  }
  if (caller.gone()) throw new SallyportError('conflict', 'the edge gave up waiting');
  const created = await createSession(database, {
    identity: redeemed.identity,
    provider: request.provider,
    deviceId: request.deviceId,
    sourceAddress: request.sourceAddress,
    userAgent: request.userAgent,
    edgeId: caller.edgeId,
    lifetimeMs: configuration.sessionLifetimeMs,
    since: request.begunAt,
    nowMs: clock(),
  });
  if (!created.ok) {
    log.info('identity.sign_in_refused', { provider: request.provider, refusal: created.refusal });
    await noteSignInFailed(parts, request, redeemed.identity, created.refusal);
    return created.refusal === 'revoked_meanwhile'
      ? refused('refused', 'access was revoked while this sign-in was under way')
      : refused(created.refusal, created.refusal);
  }
  await noteSignIn(parts, request, created.statement);
  const { key, keyId } = await parts.keys.signer(clock());
  const statement = await signStatement(created.statement, key, keyId);
  return { kind: 'signed_in', statement, directory: created.directory };
}

async function useState(database: Database, state: string, nowMs: number): Promise<boolean> {
  // Its hash: what a browser carried is not kept.
  const value = createHash('sha256').update(state).digest('base64url');
  return read(database, (db) => useOnce(db, 'sign-in-state', value, nowMs + stateKeptMs));
}

async function redeemInTime(
  { providers, clock }: SignInParts,
  configuration: SignInConfiguration,
  request: SignInRequest,
): Promise<Redeemed> {
  const work = async (): Promise<Redeemed> => {
    try {
      const provider = await providers.get(configuration.provider);
      return await redeem(provider, { ...request, query: request.callbackQuery }, clock());
    } catch (error) {
      if (!(error instanceof SallyportError)) throw error;
      return { ok: false, failure: 'provider_unavailable', detail: error.message };
    }
  };
  const answered = new AbortController();
  try {
    return await Promise.race([
      work(),
      delay(providerTimeoutMs, tooLate, { signal: answered.signal }),
    ]);
  } finally {
    answered.abort();
  }
}

const tooLate: Redeemed = {
  ok: false,
  failure: 'provider_unavailable',
  detail: 'the provider did not answer in time',
};

function refused(
  failure: Extract<SignInOutcome, { kind: 'refused' }>['failure'],
  detail: string,
): SignInOutcome {
  return { kind: 'refused', failure, detail };
}
