import { describe, expect, it } from 'vitest';
import { WorkerCalls } from './control-calls.ts';
import type { CallMessage } from './messages.ts';

const begin = {
  provider: 'corp',
  redirectUri: 'https://signin.corp.test/.well-known/sallyport/callback/corp',
  state: 's',
  nonce: 'n',
  codeChallenge: 'c',
  stepUp: false,
};
const failure = { code: 'unavailable', detail: 'scripted' } as const;

describe('calls to the control plane that wait', () => {
  it('leave room for sign-outs and hand-overs, however many sign-ins are begun', async () => {
    const posted: CallMessage[] = [];
    const calls = new WorkerCalls((message) => posted.push(message));
    const begun = Array.from({ length: 300 }, () => calls.beginSignIn(begin));
    expect(posted.length).toBe(64);
    const ended = calls.endSession({ statement: 'x' });
    const handedOver = calls.redeemHandOver({ jti: 'j', expiresAtMs: 1, sid: 's' });
    expect(posted.slice(64).map(({ name }) => name)).toEqual(['endSession', 'redeemHandOver']);
    for (const { id } of posted.slice())
      calls.onReply({ type: 'reply', id, result: { ok: false, failure } });
    await Promise.all([...begun, ended, handedOver]);
    // Each that is answered makes room for the next.
    const next = calls.beginSignIn(begin);
    expect(posted.length).toBe(67);
    calls.onReply({ type: 'reply', id: posted[66]?.id ?? 0, result: { ok: false, failure } });
    expect(await next).toEqual({ ok: false, failure });
  });

  it('leave room for sign-ins, however often people look at themselves and end sessions', () => {
    const posted: CallMessage[] = [];
    const calls = new WorkerCalls((message) => posted.push(message));
    for (let n = 0; n < 300; n += 1) {
      void calls.describeSelf({ statement: 'x' });
      void calls.endOwnSessions({ statement: 'x', sids: [] });
    }
    expect(posted.length).toBe(64);
    void calls.beginSignIn(begin);
    expect(posted.at(-1)?.name).toBe('beginSignIn');
    for (const { id } of posted) {
      calls.onReply({ type: 'reply', id, result: { ok: false, failure } });
    }
  });

  it('are refused beyond their bound', async () => {
    const posted: CallMessage[] = [];
    const calls = new WorkerCalls((message) => posted.push(message));
    const waiting = Array.from({ length: 256 }, () => calls.endSession({ statement: 'x' }));
    expect(await calls.endSession({ statement: 'x' })).toMatchObject({ ok: false });
    for (const { id } of posted.slice())
      calls.onReply({ type: 'reply', id, result: { ok: false, failure } });
    await Promise.all(waiting);
  });
});
