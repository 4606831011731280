import { signingKeyFromPem } from '@sallyport/shared/keys/ed25519';
import { type SessionStatement, signStatement } from '@sallyport/shared/session/statement';
import type {
  BeginSignIn,
  BegunSignIn,
  CallResult,
  CompleteSignIn,
  ControlCalls,
  SelfDescription,
  SignInResult,
} from '../../worker/request-worker.ts';

/**
 * The calls to the control plane, answered in memory: states and hand-overs are used once, and
 * statements are signed for real.
 */
export class InMemoryControl implements ControlCalls {
  readonly begun: BeginSignIn[] = [];
  readonly completed: CompleteSignIn[] = [];
  readonly ended: string[] = [];
  readonly endedOwn: { readonly sids: readonly string[] }[] = [];
  self: SelfDescription = aliceHerself();
  /** Who signs in next, as the provider would say. */
  userId = 'usr_alice';
  reachable = true;
  refuse: (SignInResult & { kind: 'refused' })['failure'] | null = null;
  readonly #used = new Set<string>();
  readonly #key: string;
  readonly #keyId: string;
  #sessions = 0;

  constructor(privateKeyPem: string, keyId: string) {
    this.#key = privateKeyPem;
    this.#keyId = keyId;
  }

  /** A statement as CompleteSignIn gives it. */
  async statement(userId: string, deviceId: string | null, more: Partial<SessionStatement> = {}) {
    this.#sessions += 1;
    const nowMs = Date.now();
    const statement: SessionStatement = {
      sid: `ses_${String(this.#sessions).padStart(26, '0')}`,
      userId,
      deviceId,
      authenticatedAtMs: nowMs - 60_000,
      amr: ['pwd'],
      acr: null,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + 3_600_000,
      generations: { global: 0, user: 0, device: 0 },
      ...more,
    };
    const key = signingKeyFromPem(this.#key);
    return { statement, jws: await signStatement(statement, key, this.#keyId) };
  }

  async beginSignIn(request: BeginSignIn): Promise<CallResult<BegunSignIn>> {
    if (!this.reachable) return unavailable();
    this.begun.push(request);
    const url = new URL('https://idp.corp.test/authorize');
    url.searchParams.set('state', request.state);
    url.searchParams.set('nonce', request.nonce);
    url.searchParams.set('code_challenge', request.codeChallenge);
    url.searchParams.set('code_challenge_method', 'S256');
    url.searchParams.set('redirect_uri', request.redirectUri);
    return { ok: true, value: { authorizationUrl: url.href, revoke: { epoch: 1, rev: 0 } } };
  }

  async completeSignIn(request: CompleteSignIn): Promise<CallResult<SignInResult>> {
    if (!this.reachable) return unavailable();
    this.completed.push(request);
    if (this.#used.has(request.state)) {
      return { ok: true, value: { kind: 'refused', failure: 'state_used', detail: 'used' } };
    }
    this.#used.add(request.state);
    if (this.refuse !== null) {
      return { ok: true, value: { kind: 'refused', failure: this.refuse, detail: 'scripted' } };
    }
    const { jws } = await this.statement(this.userId, request.deviceId);
    return { ok: true, value: { kind: 'signed_in', statement: jws, directory: null } };
  }

  async redeemHandOver(request: { jti: string }): Promise<CallResult<{ first: boolean }>> {
    if (!this.reachable) return unavailable();
    const first = !this.#used.has(request.jti);
    this.#used.add(request.jti);
    return { ok: true, value: { first } };
  }

  async endSession(request: { statement: string }): Promise<CallResult<{ revoke: null }>> {
    if (!this.reachable) return unavailable();
    this.ended.push(request.statement);
    return { ok: true, value: { revoke: null } };
  }

  async describeSelf(): Promise<CallResult<SelfDescription>> {
    return this.reachable ? { ok: true, value: this.self } : unavailable();
  }

  async endOwnSessions(request: {
    readonly sids: readonly string[];
  }): Promise<CallResult<{ ended: number; revoke: null }>> {
    if (!this.reachable) return unavailable();
    this.endedOwn.push(request);
    return { ok: true, value: { ended: 1, revoke: null } };
  }
}

function aliceHerself(): SelfDescription {
  const nowMs = Date.now();
  const session = {
    begunAtMs: nowMs - 3_600_000,
    expiresAtMs: nowMs + 7_200_000,
    lastSeenAtMs: nowMs - 300_000,
    deviceId: 'dev_laptop',
    sourceAddress: '203.0.113.7',
    userAgent: 'Firefox/140.0',
    country: 'DE',
  };
  return {
    email: 'alice@corp.test',
    name: 'Alice',
    sessions: [
      { ...session, sid: `ses_${'1'.repeat(26)}`, current: true },
      { ...session, sid: `ses_${'7'.repeat(26)}`, current: false, deviceId: '' },
    ],
    devices: [
      {
        deviceId: 'dev_laptop',
        name: "Alice's laptop",
        managed: true,
        blocked: false,
        certificateExpiresAtMs: nowMs + 86_400_000,
        lastSeenAtMs: nowMs - 300_000,
      },
    ],
    places: [
      { country: 'DE', region: 'Hamburg', egress: '', deviceId: 'dev_laptop', lastSeenAtMs: nowMs },
    ],
    denials: [
      {
        correlationId: 'req_1',
        atMs: nowMs - 60_000,
        host: 'app.corp.test',
        path: '/admin',
        outcome: 'deny',
        reasons: ['group_missing'],
        deviceId: 'dev_laptop',
      },
    ],
  };
}

function unavailable(): CallResult<never> {
  return { ok: false, failure: { code: 'unavailable', detail: 'scripted' } };
}
