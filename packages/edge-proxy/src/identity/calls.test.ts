import { create } from '@bufbuild/protobuf';
import {
  BeginSignInResponseSchema,
  CompleteSignInResponseSchema,
  EndSessionResponseSchema,
  RedeemHandOverResponseSchema,
  SignInFailure,
} from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { berlin } from '../sightings/testing/places.ts';
import { ScriptedControlPlane } from '../testing/scripted-control-plane.ts';
import type { CallMessage } from '../worker/messages.ts';
import { answerCall } from './calls.ts';
import { ControlChannel } from './control-channel.ts';

let plane: ScriptedControlPlane;
let channel: ControlChannel;

beforeEach(async () => {
  plane = await ScriptedControlPlane.start();
  channel = new ControlChannel([plane.target], await plane.edgeTrust());
});
afterEach(() => {
  channel.close();
  plane.close();
});

const begin: CallMessage = {
  type: 'call',
  id: 1,
  name: 'beginSignIn',
  request: {
    provider: 'corp',
    redirectUri: 'https://signin.corp.test/callback',
    state: 's',
    nonce: 'n',
    codeChallenge: 'c',
    stepUp: false,
  },
};
const complete: CallMessage = {
  type: 'call',
  id: 2,
  name: 'completeSignIn',
  request: {
    provider: 'corp',
    redirectUri: 'https://signin.corp.test/callback',
    callbackQuery: 'code=1',
    state: 's',
    nonce: 'n',
    codeVerifier: 'v',
    deviceId: null,
    sourceAddress: '192.0.2.1',
    place: berlin,
    userAgent: 'test',
    stepUp: true,
    revoke: { epoch: 1, rev: 7 },
  },
};

describe('the calls of requests to the control plane', () => {
  it('give the answer in the words of the edge', async () => {
    plane.signIn.beginSignIn = ({ request }, callback) => {
      const authorizationUrl = `https://idp.corp.test/?state=${request.state}`;
      const revoke = { epoch: 1n, rev: 7n };
      callback(null, create(BeginSignInResponseSchema, { authorizationUrl, revoke }));
    };
    plane.signIn.completeSignIn = ({ request }, callback) => {
      const where = `${request.place?.country}|${request.place?.latitude}|${request.place?.asn}`;
      const statement = `${request.callbackQuery}|${request.revoke?.rev}|${where}`;
      const value = { statement, directory: { epoch: 1n, rev: 9n } };
      callback(null, create(CompleteSignInResponseSchema, { result: { case: 'signedIn', value } }));
    };
    plane.signIn.redeemHandOver = ({ request }, callback) =>
      callback(
        null,
        create(RedeemHandOverResponseSchema, { first: request.expiresAtMs === 1_000n }),
      );
    plane.signIn.endSession = (_call, callback) =>
      callback(null, create(EndSessionResponseSchema, { revoke: { epoch: 1n, rev: 3n } }));

    expect(await answerCall(channel, begin)).toEqual({
      ok: true,
      value: {
        authorizationUrl: 'https://idp.corp.test/?state=s',
        revoke: { epoch: 1, rev: 7 },
      },
    });
    expect(await answerCall(channel, complete)).toEqual({
      ok: true,
      value: {
        kind: 'signed_in',
        statement: `code=1|7|DE|${berlin.coordinates?.latitude}|${berlin.asn}`,
        directory: { epoch: 1, rev: 9 },
      },
    });
    const redeem = { jti: 'j', sid: 'ses_1', expiresAtMs: 1_000 };
    expect(
      await answerCall(channel, { type: 'call', id: 3, name: 'redeemHandOver', request: redeem }),
    ).toEqual({ ok: true, value: { first: true } });
    const end = { statement: 'jws' };
    expect(
      await answerCall(channel, { type: 'call', id: 4, name: 'endSession', request: end }),
    ).toEqual({ ok: true, value: { revoke: { epoch: 1, rev: 3 } } });
  });

  it('tell a refused sign-in from a failed call', async () => {
    plane.signIn.completeSignIn = (_call, callback) => {
      const value = { failure: SignInFailure.USER_BLOCKED, detail: 'blocked' };
      callback(null, create(CompleteSignInResponseSchema, { result: { case: 'refused', value } }));
    };
    expect(await answerCall(channel, complete)).toEqual({
      ok: true,
      value: { kind: 'refused', failure: 'user_blocked', detail: 'blocked' },
    });
    plane.signIn.completeSignIn = (_call, callback) =>
      callback(null, create(CompleteSignInResponseSchema, {}));
    expect(await answerCall(channel, complete)).toMatchObject({
      value: { kind: 'refused', failure: 'refused' },
    });
  });

  it.each([
    [status.UNAVAILABLE, 'unavailable'],
    [status.DEADLINE_EXCEEDED, 'timeout'],
    [status.NOT_FOUND, 'invalid'],
    [status.INVALID_ARGUMENT, 'invalid'],
    [status.PERMISSION_DENIED, 'internal'],
    [status.INTERNAL, 'internal'],
  ] as const)('never reject: status %i is the failure "%s"', async (code, failure) => {
    plane.signIn.beginSignIn = (_call, callback) => callback({ code, details: 'scripted' });
    expect(await answerCall(channel, begin)).toMatchObject({
      ok: false,
      failure: { code: failure },
    });
  });

  it('go to another control plane when the first cannot be reached, but never twice to one', async () => {
    const second = await ScriptedControlPlane.start({ authority: plane.authority });
    const both = new ControlChannel([plane.target, second.target], await plane.edgeTrust());
    const asked: string[] = [];
    second.signIn.endSession = (_call, callback) => {
      asked.push('second');
      callback({ code: status.INTERNAL, details: 'scripted' });
    };
    plane.close();
    const call: CallMessage = {
      type: 'call',
      id: 1,
      name: 'endSession',
      request: { statement: '' },
    };
    expect(await answerCall(both, call)).toMatchObject({ failure: { code: 'internal' } });
    expect(asked).toEqual(['second']);
    both.close();
    second.close();
  });
});
