import { describe, expect, test } from 'vitest';
import {
  type AllowRule,
  compile,
  type DenyRule,
  decide,
  explain,
  type Facts,
  type PolicySet,
  type StepUpRule,
} from './index.ts';

interface Rules {
  readonly allow?: readonly AllowRule[];
  readonly deny?: readonly DenyRule[];
  readonly stepUp?: readonly StepUpRule[];
}

function setOf({ allow = [], deny = [], stepUp = [] }: Rules): PolicySet {
  return {
    version: 1,
    routes: [
      {
        name: 'app',
        matches: [{ host: 'app.corp.test', path: '/**', methods: null }],
        policies: ['app'],
      },
    ],
    policies: [{ name: 'app', allow, deny, stepUp }],
    globalPolicies: [],
    services: [{ name: 'runner', devices: ['d-runner'] }],
  };
}

const nobody = { kind: 'none' } as const;

function request(path: string, groups: readonly string[] | null): Facts {
  const expiresAtMs = 1e9;
  return {
    nowMs: 1000,
    request: { method: 'GET', host: 'app.corp.test', path, headers: {} },
    sourceAddress: '192.0.2.1',
    device: nobody,
    session:
      groups === null
        ? nobody
        : {
            kind: 'live',
            sid: 's',
            userId: 'u-1',
            deviceId: null,
            authenticatedAtMs: 0,
            amr: ['pwd'],
            expiresAtMs,
          },
    user:
      groups === null
        ? nobody
        : {
            kind: 'known',
            id: 'u-1',
            email: 'Ada@Corp.test',
            groups,
            status: 'active',
            blocked: false,
            employment: null,
          },
    place: null,
    risk: null,
    lockdown: false,
    staleness: { revokeMs: 0, signalsMs: 0, configMs: 0, directoryMs: 0 },
  };
}

function looked(rules: Rules, facts: Facts) {
  const { trace } = explain(compile(setOf(rules)), facts);
  return {
    rules: trace.flatMap((step) => (step.step === 'rule' ? [step.rule.split('/')[2]] : [])),
    index: trace.flatMap((step) =>
      step.step === 'index' ? [[step.kind, step.candidates, step.ruledOut]] : [],
    ),
  };
}

describe('rules that are looked at', () => {
  const many = Array.from({ length: 200 }, (_, at) => at);

  test('are those of the user, the service and the path, and those about nobody', () => {
    const allow = [
      { name: 'by-id', users: ['u-1'] },
      { name: 'by-address', users: ['ada@corp.test'] },
      { name: 'by-group', groups: ['red'] },
      { name: 'by-path', paths: ['/a/{any}/**'] },
      { name: 'open', anonymous: true },
      { name: 'other-group', groups: ['blue'] },
      { name: 'other-path', paths: ['/a'] },
      { name: 'other-path-of-group', groups: ['red'], paths: ['/b/**'] },
      { name: 'other-user', users: ['u-2'] },
      { name: 'service', services: ['runner'] },
    ];
    const found = looked({ allow }, request('/a/b', ['red']));
    expect(found.rules).toEqual(['by-address', 'by-group', 'by-id', 'by-path', 'open']);
    expect(found.index).toEqual([
      ['deny', 0, 0],
      ['allow', 5, 5],
      ['stepUp', 0, 0],
    ]);
    const device = {
      kind: 'known',
      id: 'd-runner',
      managed: true,
      ownerUserId: null,
      certificateSha256: '00',
      certificateNotBeforeMs: 0,
      certificateNotAfterMs: 1e9,
      posture: [],
      blocked: null,
    } as const;
    expect(looked({ allow }, { ...request('/', null), device }).rules).toContain('service');
  });

  test('are looked at once, however many of their groups and patterns fit', () => {
    const stepUp = [
      {
        name: 'twice',
        groups: ['red', 'blue'],
        paths: ['/a/**', '/{any}/b', '/a/b'],
        require: { amr: ['hwk'] },
      },
    ];
    const facts = request('/a/b', ['red', 'blue']);
    const rules = { allow: [{ name: 'all', groups: ['red', 'blue'] }], stepUp };
    expect(looked(rules, facts).rules).toEqual(['all', 'twice']);
    expect(decide(compile(setOf(rules)), facts).ruleIds).toEqual(['app/stepUp/twice']);
  });

  test('are the same where a rule has more patterns than are indexed', () => {
    const paths = many.map((at) => `/p${at}/**`);
    const compiled = compile(setOf({ allow: [{ name: 'all', groups: ['red'], paths }] }));
    expect(decide(compiled, request('/p199/x', ['red'])).outcome).toBe('permit');
    expect(decide(compiled, request('/p200/x', ['red'])).outcome).toBe('deny');
  });

  test('are few where nobody is signed in: of rules that differ in the group alone, the first', () => {
    const allow = many.map((at) => ({ name: `r${at}`, groups: [`g${at}`] }));
    const found = looked({ allow }, request('/', null));
    expect(found.rules).toEqual(['r0']);
    expect(decide(compile(setOf({ allow })), request('/', null))).toMatchObject({
      outcome: 'sign_in',
      ruleIds: ['app/allow/r0'],
    });
  });

  test('are those about users too where nobody is signed in and a fact is missing', () => {
    const rules = {
      allow: [{ name: 'open', anonymous: true }],
      deny: [{ name: 'abroad', groups: ['red'], countries: ['US'] }],
    };
    expect(decide(compile(setOf(rules)), request('/', null))).toMatchObject({
      outcome: 'deny',
      reasons: [
        { code: 'rule_unknown', detail: 'app/deny/abroad' },
        { code: 'fact_missing', detail: 'place.country' },
      ],
    });
  });

  test('say that another group would do, though its rules are not looked at', () => {
    const allow = many.map((at) => ({ name: `r${at}`, groups: [`g${at}`], paths: ['/a'] }));
    const compiled = compile(setOf({ allow }));
    expect(decide(compiled, request('/a', ['red'])).reasons).toEqual([
      { code: 'group_missing', detail: 'app/allow/r0' },
    ]);
    expect(decide(compiled, request('/b', ['red'])).reasons).toEqual([{ code: 'no_rule_allows' }]);
  });
});

describe('a permit', () => {
  const opensAt = '1970-01-01T00:01:00Z';
  const until = (rules: Rules): number | null => {
    const decision = decide(compile(setOf(rules)), request('/', ['red']));
    return decision.outcome === 'permit' ? decision.untilMs : null;
  };
  const allow = [{ name: 'all', groups: ['red'] }];

  test('ends when a rule of any kind that could apply begins to hold', () => {
    expect(until({ allow, deny: [{ name: 'later', notBefore: opensAt }] })).toBe(60_000);
    expect(until({ allow: [...allow, { name: 'b', notBefore: opensAt }] })).toBe(60_000);
    const require = { amr: ['hwk'] };
    expect(until({ allow, stepUp: [{ name: 'later', notBefore: opensAt, require }] })).toBe(60_000);
  });

  test('does not end for a rule that time does not make true, but by the age of the state', () => {
    const never = { name: 'later', notBefore: opensAt };
    expect(until({ allow, deny: [{ ...never, groups: ['blue'] }] })).toBe(121_000);
    expect(until({ allow, deny: [{ ...never, methods: ['PUT'] }] })).toBe(121_000);
  });
});

describe('a route that only watches', () => {
  const watched = (monitor: unknown): PolicySet => {
    const set = setOf({ allow: [{ name: 'all', groups: ['blue'] }] });
    return { ...set, routes: set.routes.map((route) => ({ ...route, monitor }) as never) };
  };

  test.each([
    ['no end', {}],
    ['null', null],
    ['an end that is undefined', { until: undefined }],
    ['a day', { until: '2027-01-15' }],
    ['another field', { until: '2027-01-15T00:00:00Z', from: '2026-01-15T00:00:00Z' }],
  ])('is refused with %s', (_title, monitor) => {
    expect(() => compile(watched(monitor))).toThrow(/^\/routes\/0\/monitor/);
  });

  test('asks those to sign in again whose session the age of the state leaves open', () => {
    const compiled = compile(watched({ until: '2027-01-15T00:00:00Z' }));
    const facts = { ...request('/', ['red']), nowMs: 600_000 };
    const old = { ...facts, staleness: { ...facts.staleness, revokeMs: 130_000 } };
    expect(decide(compiled, facts)).toMatchObject({
      outcome: 'permit',
      reasons: [{ code: 'monitor_mode' }],
      ruleIds: [],
      wouldDeny: { reasons: [{ code: 'group_missing' }], ruleIds: [] },
    });
    expect(decide(compiled, old)).toMatchObject({
      outcome: 'step_up',
      reasons: [{ code: 'state_stale' }],
    });
  });

  test('says in the trace that it lets through', () => {
    const { trace } = explain(
      compile(watched({ until: '1970-01-02T00:00:00Z' })),
      request('/', []),
    );
    expect(trace.at(-1)).toEqual({ step: 'monitor', untilMs: 86_400_000 });
  });
});
