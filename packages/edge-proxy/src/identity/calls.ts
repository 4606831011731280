import { create } from '@bufbuild/protobuf';
import {
  BeginSignInRequestSchema,
  CompleteSignInRequestSchema,
  type CompleteSignInResponse,
  DescribeSelfRequestSchema,
  EndOwnSessionsRequestSchema,
  EndSessionRequestSchema,
  positionFromWire,
  positionToWire,
  RedeemHandOverRequestSchema,
  SignInFailure as WireFailure,
} from '@sallyport/proto';
import type { Position } from '@sallyport/shared/state/model';
import { placeToWire } from '../sightings/place-to-wire.ts';
import type { CallMessage, CallName, CallTable } from '../worker/messages.ts';
import type { CallResult, SignInFailure, SignInResult } from '../worker/request-worker.ts';
import { callFailure } from './call-failure.ts';
import type { ControlChannel } from './control-channel.ts';
import { selfDescription } from './self-description.ts';

const callDeadlineMs = 5_000;

type Channel = Pick<ControlChannel, 'unary'>;

/** Of a control plane that gave none: completing such a sign-in is refused there. */
const unknownPosition: Position = { epoch: 0, rev: 0 };

/** Makes a worker's call on the channel. Never rejects: a failure is a value. */
export async function answerCall(
  channel: Channel,
  call: CallMessage,
): Promise<CallResult<CallTable[CallName]['value']>> {
  try {
    return { ok: true, value: await make(channel, call) };
  } catch (error) {
    return { ok: false, failure: callFailure(error) };
  }
}

async function make(channel: Channel, call: CallMessage): Promise<CallTable[CallName]['value']> {
  switch (call.name) {
    case 'beginSignIn': {
      const request = create(BeginSignInRequestSchema, call.request);
      const answer = await channel.unary('beginSignIn', request, callDeadlineMs);
      const { authorizationUrl } = answer;
      return { authorizationUrl, revoke: positionFromWire(answer.revoke) ?? unknownPosition };
    }
    case 'completeSignIn': {
      const { deviceId, place, revoke, ...fields } = call.request;
      const request = create(CompleteSignInRequestSchema, {
        ...fields,
        deviceId: deviceId ?? '',
        ...placeToWire(place),
        revoke: positionToWire(revoke),
      });
      return signInResult(await channel.unary('completeSignIn', request, callDeadlineMs));
    }
    case 'redeemHandOver': {
      const { jti, sid, expiresAtMs } = call.request;
      const fields = { jti, sid, expiresAtMs: BigInt(expiresAtMs) };
      const request = create(RedeemHandOverRequestSchema, fields);
      const answer = await channel.unary('redeemHandOver', request, callDeadlineMs);
      return { first: answer.first };
    }
    case 'endSession': {
      const request = create(EndSessionRequestSchema, call.request);
      const answer = await channel.unary('endSession', request, callDeadlineMs);
      return { revoke: positionFromWire(answer.revoke) };
    }
    case 'describeSelf': {
      const request = create(DescribeSelfRequestSchema, call.request);
      return selfDescription(await channel.unary('describeSelf', request, callDeadlineMs));
    }
    case 'endOwnSessions': {
      const { statement, sids } = call.request;
      const request = create(EndOwnSessionsRequestSchema, { statement, sids: [...sids] });
      const answer = await channel.unary('endOwnSessions', request, callDeadlineMs);
      return { ended: answer.ended, revoke: positionFromWire(answer.revoke) };
    }
  }
}

const failures = new Map<WireFailure, SignInFailure>([
  [WireFailure.REFUSED, 'refused'],
  [WireFailure.STATE_USED, 'state_used'],
  [WireFailure.PROVIDER_UNAVAILABLE, 'provider_unavailable'],
  [WireFailure.USER_BLOCKED, 'user_blocked'],
  [WireFailure.DEVICE_BLOCKED, 'device_blocked'],
  [WireFailure.LOCKDOWN, 'lockdown'],
]);

function signInResult({ result }: CompleteSignInResponse): SignInResult {
  switch (result.case) {
    case 'signedIn': {
      const { statement, directory } = result.value;
      return { kind: 'signed_in', statement, directory: positionFromWire(directory) };
    }
    case 'refused': {
      // A failure of a newer protocol is a refusal all the same.
      const failure = failures.get(result.value.failure) ?? 'refused';
      return { kind: 'refused', failure, detail: result.value.detail };
    }
    case undefined:
      return { kind: 'refused', failure: 'refused', detail: 'the answer holds no result' };
  }
}
