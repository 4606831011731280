import { describe, expect, expectTypeOf, test } from 'vitest';
import { compile, decide, explain, type Facts, type Permit, type PolicySet } from './index.ts';

const set: PolicySet = {
  version: 1,
  routes: [
    { name: 'app', matches: [{ host: 'a.test', path: '/**', methods: null }], policies: ['app'] },
  ],
  policies: [
    {
      name: 'app',
      allow: [
        { name: 'staff', groups: ['staff'], device: { managed: true } },
        { name: 'public', anonymous: true, paths: ['/public'] },
      ],
      deny: [
        { name: 'a-bad-network', sourceNetworks: ['198.51.100.0/24'] },
        { name: 'b-secret', paths: ['/secret'] },
      ],
      stepUp: [
        { name: 'otp', paths: ['/both'], require: { amr: ['otp'] } },
        { name: 'key', paths: ['/both'], require: { amr: ['hwk'], maxAge: '60s' } },
      ],
    },
  ],
  globalPolicies: [],
  staleness: { config: 'serve', directory: 'serve' },
};
const compiled = compile(set);

const facts: Facts = {
  nowMs: 1000,
  request: { method: 'GET', host: 'a.test', path: '/', headers: {} },
  sourceAddress: '192.0.2.1',
  device: {
    kind: 'known',
    id: 'd',
    managed: true,
    ownerUserId: null,
    certificateSha256: '00',
    certificateNotBeforeMs: 0,
    certificateNotAfterMs: 5000,
    posture: [],
    blocked: null,
  },
  session: {
    kind: 'live',
    sid: 's',
    userId: 'u',
    deviceId: 'd',
    authenticatedAtMs: 0,
    amr: ['pwd'],
    expiresAtMs: 4000,
  },
  user: {
    kind: 'known',
    id: 'u',
    email: 'u@a.test',
    groups: ['staff'],
    status: 'active',
    blocked: false,
    employment: null,
  },
  place: null,
  risk: null,
  lockdown: false,
  staleness: { revokeMs: 0, signalsMs: 0, configMs: 0, directoryMs: 0 },
};
const to = (path: string): Facts => ({ ...facts, request: { ...facts.request, path } });

describe('decide', () => {
  test('a permit is a whole verdict', () => {
    expect(decide(compiled, facts)).toEqual({
      outcome: 'permit',
      route: 'app',
      reasons: [{ code: 'rule_allowed', detail: 'app/allow/staff' }],
      ruleIds: ['app/allow/staff'],
      untilMs: 4000,
      wouldDeny: null,
    });
  });

  // Held by the type check, which takes the tests in: what has every field is no permit yet.
  test('a permit cannot be made by hand', () => {
    type ByHand = Pick<
      Permit,
      'outcome' | 'route' | 'reasons' | 'ruleIds' | 'untilMs' | 'wouldDeny'
    >;
    expectTypeOf<ByHand>().not.toExtend<Permit>();
    expectTypeOf<Permit>().toExtend<ByHand>();
  });

  test('verdicts that share their lists cannot change each other', () => {
    const { reasons, ruleIds } = decide(compiled, facts);
    expect([reasons, reasons[0], ruleIds].every((part) => Object.isFrozen(part))).toBe(true);
  });

  test('a rule that denies is named before one that could not be evaluated', () => {
    const denied = decide(compiled, { ...to('/secret'), sourceAddress: '' });
    expect(denied.reasons).toEqual([{ code: 'rule_denied', detail: 'app/deny/b-secret' }]);
  });

  test('step-up rules that no one method satisfies are met one after the other', () => {
    const first = decide(compiled, to('/both'));
    expect(first).toMatchObject({
      outcome: 'step_up',
      require: { maxAgeSeconds: 60, amr: ['hwk'] },
    });
    const { session } = facts;
    const second = decide(compiled, {
      ...to('/both'),
      session: { ...session, amr: ['pwd', 'hwk'] } as Facts['session'],
    });
    expect(second).toMatchObject({ outcome: 'step_up', require: { amr: ['otp'] } });
  });

  test('what a record says that this version does not know refuses', () => {
    const newer = { kind: 'attested', id: 'd' };
    const odd = [
      { ...facts, device: newer },
      { ...to('/public'), device: newer },
      { ...facts, session: newer },
      { ...facts, user: newer },
      { ...facts, user: { ...facts.user, status: 'on_leave' } },
      { ...facts, device: { ...facts.device, blocked: 'vendor' } },
      { ...facts, lockdown: undefined },
      { ...facts, staleness: undefined },
      { ...facts, staleness: null },
      { ...facts, staleness: { ...facts.staleness, revokeMs: undefined } },
      { ...facts, staleness: { ...facts.staleness, revokeMs: null } },
      { ...facts, staleness: { ...facts.staleness, revokeMs: '0' } },
    ] as unknown as Facts[];
    expect(odd.map((one) => decide(compiled, one).outcome)).not.toContain('permit');
  });

  test('a clock that tells no time lets nobody in', () => {
    for (const nowMs of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(decide(compiled, { ...facts, nowMs }).outcome).toBe('deny');
    }
  });
});

describe('the age of the state', () => {
  const aged = (revokeMs: number, authenticatedAtMs = -1e7): Facts => ({
    ...facts,
    session: { ...facts.session, authenticatedAtMs } as Facts['session'],
    staleness: { ...facts.staleness, revokeMs },
  });

  test('names the lane that is too old', () => {
    expect(decide(compiled, aged(120_000)).reasons).toEqual([
      { code: 'state_stale', detail: 'revoke' },
    ]);
    expect(decide(compiled, aged(3_600_000)).reasons).toEqual([
      { code: 'state_too_old', detail: 'revoke' },
    ]);
  });

  test('that is no age lets nobody in', () => {
    for (const ageMs of [Number.NaN, -1, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER]) {
      expect(decide(compiled, aged(ageMs)).outcome).toBe('deny');
    }
  });

  test('is told by explain, with what the session is to it', () => {
    const stepsOf = (one: Facts) =>
      explain(compiled, one).trace.filter(
        (step) => step.step === 'staleness' || step.step === 'requirement',
      );
    const told = {
      step: 'staleness',
      lane: 'revoke',
      stepUpAfterMs: 120_000,
      denyNewSessionsAfterMs: 900_000,
      denyAfterMs: 3_600_000,
    };
    const asked = { step: 'requirement', rule: 'staleness/revoke' };
    expect(stepsOf(aged(130_000))).toEqual([
      { ...told, ageMs: 130_000, stage: 'step_up' },
      { ...asked, value: 'false' },
    ]);
    expect(stepsOf(aged(900_000, 0))).toEqual([
      { ...told, ageMs: 900_000, stage: 'deny_new_sessions' },
      { ...asked, value: 'true' },
    ]);
    expect(stepsOf(aged(Number.MAX_SAFE_INTEGER))).toEqual([
      { ...told, ageMs: null, stage: 'deny' },
    ]);
  });
});

describe('explain', () => {
  test('tells every step, and of each rule every condition', () => {
    const { decision, trace } = explain(compiled, {
      ...to('/secret'),
      device: { kind: 'none' },
      session: { kind: 'none' },
    });
    expect(decision.outcome).toBe('deny');
    expect(trace).toEqual([
      { step: 'route', result: 'route', route: 'app' },
      { step: 'check', check: 'device_certificate', reason: null },
      { step: 'check', check: 'lockdown', reason: null },
      { step: 'check', check: 'device', reason: null },
      { step: 'check', check: 'session_device', reason: null },
      { step: 'check', check: 'user', reason: null },
      {
        step: 'staleness',
        lane: 'revoke',
        ageMs: 0,
        stage: 'fresh',
        stepUpAfterMs: 120_000,
        denyNewSessionsAfterMs: 900_000,
        denyAfterMs: 3_600_000,
      },
      { step: 'index', kind: 'deny', candidates: 2, ruledOut: 0 },
      {
        step: 'rule',
        rule: 'app/deny/a-bad-network',
        kind: 'deny',
        value: 'false',
        conditions: [{ field: 'sourceNetworks', value: 'false' }],
      },
      {
        step: 'rule',
        rule: 'app/deny/b-secret',
        kind: 'deny',
        value: 'true',
        conditions: [{ field: 'paths', value: 'true' }],
      },
    ]);
  });

  test('tells pending from false, and goes on after the rule that settles it', () => {
    const { trace } = explain(compiled, { ...to('/public'), session: { kind: 'none' } });
    const rules = trace.filter((step) => step.step === 'rule' && step.kind === 'allow');
    expect(rules).toEqual([
      {
        step: 'rule',
        rule: 'app/allow/public',
        kind: 'allow',
        value: 'true',
        conditions: [{ field: 'paths', value: 'true' }],
      },
      {
        step: 'rule',
        rule: 'app/allow/staff',
        kind: 'allow',
        value: 'pending',
        conditions: [
          { field: 'session', value: 'pending' },
          { field: 'device', value: 'true' },
          { field: 'groups', value: 'pending' },
        ],
      },
    ]);
  });

  test('tells what a session is to a step-up rule that applies', () => {
    const { trace } = explain(compiled, to('/both'));
    expect(trace.filter((step) => step.step === 'requirement')).toEqual([
      { step: 'requirement', rule: 'app/stepUp/key', value: 'false' },
      { step: 'requirement', rule: 'app/stepUp/otp', value: 'false' },
    ]);
  });

  test('names some of very many step-up rules, and wants what all of them want', () => {
    const stepUp = Array.from({ length: 200 }, (_, at) => ({
      name: `s${String(at).padStart(3, '0')}`,
      paths: ['/both'],
      require: { maxAge: `${300 - at}s` },
    }));
    const many = compile({ ...set, policies: set.policies.map((one) => ({ ...one, stepUp })) });
    const old = { ...facts, nowMs: 400_000, session: { ...facts.session, expiresAtMs: 1_000_000 } };
    const decision = decide(many, {
      ...old,
      request: { ...facts.request, path: '/both' },
      device: { ...facts.device, certificateNotAfterMs: 1_000_000 },
    } as Facts);
    expect(decision).toMatchObject({ outcome: 'step_up', require: { maxAgeSeconds: 101 } });
    expect([decision.ruleIds.length, decision.reasons.length]).toEqual([32, 32]);
    expect(decision.ruleIds[0]).toBe('app/stepUp/s000');
  });
});
