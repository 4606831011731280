import { create } from '@bufbuild/protobuf';
import {
  type BeginSignInRequest,
  type BeginSignInResponse,
  BeginSignInResponseSchema,
  type CompleteSignInRequest,
  type CompleteSignInResponse,
  CompleteSignInResponseSchema,
  type DescribeSelfRequest,
  type DescribeSelfResponse,
  type EndOwnSessionsRequest,
  type EndOwnSessionsResponse,
  EndOwnSessionsResponseSchema,
  type EndSessionRequest,
  type EndSessionResponse,
  EndSessionResponseSchema,
  positionToWire,
  type RedeemHandOverRequest,
  type RedeemHandOverResponse,
  RedeemHandOverResponseSchema,
  SignInFailure,
} from '@sallyport/proto';
import type { Clock } from '@sallyport/shared/clock';
import { SallyportError } from '@sallyport/shared/errors';
import type { Log } from '@sallyport/shared/log';
import type { SealKey } from '@sallyport/shared/seal';
import { readPlaceOnWire } from '../signals/read-place.ts';
import type { Signals } from '../signals/signals.ts';
import { readHead } from '../store/change-log.ts';
import { type Database, read } from '../store/database.ts';
import { completeSignIn, type SignInOutcome, type SignInParts } from './complete-sign-in.ts';
import { createConfigurationReader } from './configuration.ts';
import { endSessionOf } from './end-session.ts';
import { redeemHandOver } from './hand-over.ts';
import { authorizationUrl } from './oidc/authorize.ts';
import { createProviders } from './oidc/providers.ts';
import { isRedirectUriOf } from './redirect-uri.ts';
import { describeSelf, endOwnSessions } from './self.ts';
import { wireSelf } from './self-on-wire.ts';
import { checkBegin, checkComplete } from './sign-in-input.ts';
import { createStatementKeys } from './statement-keys.ts';
import { createTurns } from './turns.ts';

/** The edge that calls. */
export interface SignInCaller {
  readonly edgeId: string;
  readonly sourceAddress: string;
  /** Whether it has given up meanwhile. */
  readonly gone: () => boolean;
}

/** The calls of EdgeSync that concern sessions. Failures are SallyportError. */
export interface SignInCalls {
  beginSignIn(caller: SignInCaller, request: BeginSignInRequest): Promise<BeginSignInResponse>;
  completeSignIn(
    caller: SignInCaller,
    request: CompleteSignInRequest,
  ): Promise<CompleteSignInResponse>;
  redeemHandOver(
    caller: SignInCaller,
    request: RedeemHandOverRequest,
  ): Promise<RedeemHandOverResponse>;
  endSession(caller: SignInCaller, request: EndSessionRequest): Promise<EndSessionResponse>;
  describeSelf(caller: SignInCaller, request: DescribeSelfRequest): Promise<DescribeSelfResponse>;
  endOwnSessions(
    caller: SignInCaller,
    request: EndOwnSessionsRequest,
  ): Promise<EndOwnSessionsResponse>;
  close(): Promise<void>;
}

const failures = {
  refused: SignInFailure.REFUSED,
  state_used: SignInFailure.STATE_USED,
  provider_unavailable: SignInFailure.PROVIDER_UNAVAILABLE,
  user_blocked: SignInFailure.USER_BLOCKED,
  device_blocked: SignInFailure.DEVICE_BLOCKED,
  lockdown: SignInFailure.LOCKDOWN,
} as const satisfies Record<Extract<SignInOutcome, { kind: 'refused' }>['failure'], SignInFailure>;

/** Puts the parts of sign-in together. */
export function createSignInCalls(options: {
  readonly database: Database;
  readonly sealKey: SealKey;
  readonly signals: Signals;
  readonly clock: Clock;
  readonly log: Log;
}): SignInCalls {
  const { database, sealKey, signals, clock, log } = options;
  const providers = createProviders({ clock, log });
  const keys = createStatementKeys(database, sealKey);
  const ownTurns = createTurns({ ofOne: 2, inAll: 4 });
  const configuration = createConfigurationReader(database, sealKey);
  const parts: SignInParts = { database, configuration, signals, clock, log, providers, keys };
  return {
    async beginSignIn(_, request) {
      checkBegin(request);
      const { provider, host } = await configuration(request.provider);
      if (!isRedirectUriOf(provider.name, host, request.redirectUri)) {
        throw new SallyportError('invalid_request', 'redirect_uri is not that of the provider');
      }
      const revoke = await read(database, (db) => readHead(db, 'revoke'));
      const url = authorizationUrl(await providers.get(provider), request);
      return create(BeginSignInResponseSchema, {
        authorizationUrl: url,
        revoke: positionToWire(revoke),
      });
    },
    async completeSignIn(caller, request) {
      const begunAt = checkComplete(request);
      const outcome = await completeSignIn(parts, caller, {
        ...request,
        begunAt,
        deviceId: request.deviceId === '' ? null : request.deviceId,
        // A place that cannot be one stops nobody from signing in.
        place: request.place === undefined ? null : readPlaceOnWire(request.place),
      });
      return create(CompleteSignInResponseSchema, { result: wireOutcome(outcome) });
    },
    async redeemHandOver(_, request) {
      const { jti, sid } = request;
      const expiresAtMs = Number(request.expiresAtMs);
      const first = await redeemHandOver(database, { jti, sid, expiresAtMs }, clock());
      return create(RedeemHandOverResponseSchema, { first });
    },
    async endSession(caller, request) {
      const position = await endSessionOf(database, keys, caller, request.statement, clock());
      return create(EndSessionResponseSchema, { revoke: positionToWire(position) });
    },
    async describeSelf(_, request) {
      return wireSelf(await describeSelf(database, keys, ownTurns, request.statement, clock()));
    },
    async endOwnSessions(caller, request) {
      const { ended, revoke } = await endOwnSessions(database, keys, caller, request, clock());
      return create(EndOwnSessionsResponseSchema, { ended, revoke: positionToWire(revoke) });
    },
    close: () => providers.close(),
  };
}

function wireOutcome(outcome: SignInOutcome) {
  if (outcome.kind === 'refused') {
    const { failure, detail } = outcome;
    return { case: 'refused', value: { failure: failures[failure], detail } } as const;
  }
  const { statement, directory } = outcome;
  const value = { statement, directory: positionToWire(directory) };
  return { case: 'signedIn', value } as const;
}
