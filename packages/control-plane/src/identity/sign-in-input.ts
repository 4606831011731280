import {
  type BeginSignInRequest,
  type CompleteSignInRequest,
  positionFromWire,
} from '@sallyport/proto';
import { SallyportError } from '@sallyport/shared/errors';
import type { Position } from '@sallyport/shared/state/model';

/** 128 bits at the least, in base64url. */
const random = /^[A-Za-z0-9_-]{22,128}$/;
/** S256 of anything (RFC 7636, section 4.2). */
const challenge = /^[A-Za-z0-9_-]{43}$/;
/** RFC 7636, section 4.1. */
const verifier = /^[A-Za-z0-9._~-]{43,128}$/;
const providerName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const deviceId = /^[A-Za-z0-9_-]{0,64}$/;

const queryCharactersMax = 8_192;
const redirectUriCharactersMax = 2_048;

type Check = readonly [field: string, holds: boolean];

/** Refuses a BeginSignIn that could not be the start of a safe sign-in. */
export function checkBegin(request: BeginSignInRequest): void {
  refuse([
    ['provider', providerName.test(request.provider)],
    ['redirect_uri', request.redirectUri.length <= redirectUriCharactersMax],
    ['state', random.test(request.state)],
    ['nonce', random.test(request.nonce)],
    ['state and nonce', request.state !== request.nonce],
    ['code_challenge', challenge.test(request.codeChallenge)],
  ]);
}

/**
 * Refuses a CompleteSignIn that no BeginSignIn of ours can have led to; gives the position of the
 * revoke lane that it began at.
 */
export function checkComplete(request: CompleteSignInRequest): Position {
  const begunAt = positionFromWire(request.revoke);
  const checks: Check[] = [
    ['provider', providerName.test(request.provider)],
    ['redirect_uri', request.redirectUri.length <= redirectUriCharactersMax],
    ['callback_query', request.callbackQuery.length <= queryCharactersMax],
    ['state', random.test(request.state)],
    ['nonce', random.test(request.nonce)],
    ['code_verifier', verifier.test(request.codeVerifier)],
    ['device_id', deviceId.test(request.deviceId)],
  ];
  if (begunAt === null) throw refusal([...checks, ['revoke', false]]);
  refuse(checks);
  return begunAt;
}

function refuse(checks: readonly Check[]): void {
  if (checks.some(([, holds]) => !holds)) throw refusal(checks);
}

function refusal(checks: readonly Check[]): SallyportError {
  const problems = checks
    .filter(([, holds]) => !holds)
    .map(([field]) => ({ field, message: 'does not have the right form' }));
  const names = problems.map(({ field }) => field).join(', ');
  return new SallyportError('invalid_request', `not of the right form: ${names}`, { problems });
}
