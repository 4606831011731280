import { describe, expect, test } from 'vitest';
import { compile, type Decision, decide, type Facts, type PolicySet } from './index.ts';

/** A set that the requests below are about, among `many` hosts and rules that they are not about. */
function setAmong(many: number): PolicySet {
  const others = Array.from({ length: many }, (_, at) => at);
  const match = (host: string) => [{ host, path: '/**', methods: null }];
  return {
    version: 1,
    routes: [
      ...others.map((at) => ({
        name: `other-${at}`,
        matches: match(`h${at}.corp.test`),
        policies: ['others'],
      })),
      { name: 'app', matches: match('app.corp.test'), policies: ['app'] },
      { name: 'wild', matches: match('*.corp.test'), policies: ['wild'] },
    ],
    policies: [
      {
        name: 'others',
        allow: others.map((at) => ({ name: `r${at}`, groups: [`g${at}`] })),
        deny: others.map((at) => ({ name: `d${at}`, paths: [`/d${at}`] })),
        stepUp: [],
      },
      {
        name: 'app',
        allow: [
          ...others.map((at) => ({ name: `r${at}`, users: [`u${at}`], paths: [`/p${at}/**`] })),
          { name: 'staff', groups: ['staff'] },
          { name: 'public', anonymous: true, paths: ['/public'] },
        ],
        deny: [
          ...others.map((at) => ({ name: `d${at}`, users: [`x${at}`] })),
          { name: 'secret', paths: ['/secret'] },
        ],
        stepUp: [
          ...others.map((at) => ({
            name: `s${at}`,
            groups: [`y${at}`],
            require: { amr: ['hwk'] },
          })),
          { name: 'careful', paths: ['/careful'], require: { amr: ['hwk'] } },
        ],
      },
      { name: 'wild', allow: [{ name: 'all', anonymous: true }], deny: [], stepUp: [] },
    ],
    globalPolicies: [],
    staleness: { revoke: 'serve', config: 'serve', directory: 'serve' },
  };
}

function factsOf(host: string, path: string, groups: readonly string[] | null): Facts {
  return {
    nowMs: 1000,
    request: { method: 'GET', host, path, headers: {} },
    sourceAddress: '192.0.2.1',
    device: { kind: 'none' },
    session:
      groups === null
        ? { kind: 'none' }
        : {
            kind: 'live',
            sid: 's',
            userId: 'u',
            deviceId: null,
            authenticatedAtMs: 0,
            amr: ['pwd'],
            expiresAtMs: 5000,
          },
    user:
      groups === null
        ? { kind: 'none' }
        : {
            kind: 'known',
            id: 'u',
            email: 'u@corp.test',
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

const hosts = ['app.corp.test', 'x.corp.test', 'corp.test', 'x.app.corp.test', 'evil.test'];
const requests = hosts.flatMap((host) =>
  ['/', '/public', '/secret', '/careful', '/p/x'].flatMap((path) =>
    [null, ['staff'], ['guests']].map((groups) => factsOf(host, path, groups)),
  ),
);

const decisionsAmong = (many: number): readonly Decision[] => {
  const compiled = compile(setAmong(many));
  return requests.map((facts) => decide(compiled, facts));
};

describe('row 66: decisions', () => {
  const few = decisionsAmong(0);

  test('are of every kind', () => {
    const outcomes = new Set(few.map(({ outcome }) => outcome));
    expect([...outcomes].sort()).toEqual(['deny', 'permit', 'sign_in', 'step_up']);
  });

  test.each([1, 99, 100, 101, 1000, 5000])('are the same among %d hosts and rules', (many) => {
    expect(decisionsAmong(many)).toEqual(few);
  });
});
