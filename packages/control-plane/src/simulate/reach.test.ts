import {
  type CompiledPolicySet,
  compile,
  decide,
  type Facts,
  type PolicySet,
} from '@sallyport/policy';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { factsOf } from '../testing/rehearsed.ts';
import { reach } from './reach.ts';
import { type Question, reachSet } from './reach-sets.ts';

const host = 'wiki.corp.test';
const nowMs = Date.parse('2026-11-18T12:00:00Z');
const device = 'dev_a';

const someOf = <T>(...values: readonly T[]) =>
  fc.subarray([...values], { minLength: 1, maxLength: 2 });
const conditions = fc.record(
  {
    groups: someOf('a', 'b', 'c'),
    users: someOf('usr_x', 'usr_y@corp.test'),
    employment: fc.constantFrom({ class: ['contractor'] as const }, { ended: false }),
    methods: someOf('GET', 'POST'),
    paths: someOf('/x/**', '/y', '/{any}'),
    pathsMatching: fc.constant(['^/x/[a-z]+$']),
    device: fc.constantFrom({ managed: true }, { known: false }),
    countries: someOf('DE', 'US'),
    egress: someOf('office', 'vpn'),
    sourceNetworks: fc.constant(['10.0.0.0/8']),
    time: fc.constantFrom(
      [{ from: '08:00', to: '18:00', zone: 'UTC' }],
      [{ from: '20:00', to: '22:00', zone: 'UTC' }],
    ),
    notAfter: fc.constantFrom('2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'),
    authentication: fc.constant({ amr: ['hwk'] }),
    risk: fc.constant({ atLeast: 50 }),
    headers: fc.constant([{ name: 'x-role', is: ['admin'] }]),
    when: fc.constantFrom('device.managed', 'request.method == "GET"'),
    conditions: fc.subarray(['one', 'two', 'other/three'], { minLength: 1 }),
  },
  { requiredKeys: [] },
);
const few = conditions.map((given) => Object.fromEntries(Object.entries(given).slice(0, 3)));
const some = few.filter((given) => Object.keys(given).length > 0);
const plain = some.filter((given) => !('conditions' in given));
const named = (name: string) => plain.map((given) => ({ ...given, name }));
const list = <T extends object>(rules: fc.Arbitrary<T>, maxLength: number) =>
  fc.array(rules, { maxLength }).map((all) => all.map((rule, at) => ({ ...rule, name: `r${at}` })));

const sets: fc.Arbitrary<PolicySet> = fc
  .record({
    allow: list(
      fc.oneof(
        { weight: 9, arbitrary: some },
        { weight: 1, arbitrary: fc.constant({ anonymous: true }) },
      ),
      3,
    ),
    deny: list(some, 2),
    stepUp: list(
      some.map((given) => ({ ...given, require: { amr: ['hwk'] } })),
      1,
    ),
    one: named('one'),
    two: named('two').map((given) => ({ ...given, conditions: ['one'] })),
    three: named('three'),
  })
  .map(({ one, two, three, ...rules }) => ({
    version: 1,
    routes: [{ name: 'wiki', matches: [{ host, path: '/**', methods: null }], policies: ['main'] }],
    policies: [
      { name: 'main', ...rules, conditions: [one, two] },
      { name: 'other', allow: [], deny: [], stepUp: [], conditions: [three] },
    ],
    globalPolicies: [],
  }));

const users = fc.record({
  id: fc.constantFrom('usr_x', 'usr_y', 'usr_z'),
  groups: fc.subarray(['a', 'b', 'c']),
  employment: fc.constantFrom(null, { class: 'contractor' as const, endsAtMs: null }),
});

/** All that a request may bring for one user. */
const requests = fc.record({
  method: fc.constantFrom('GET', 'POST', 'DELETE'),
  path: fc.constantFrom('/', '/x/a', '/x/a/b', '/y', '/z'),
  managed: fc.constantFrom(null, true, false),
  country: fc.constantFrom(null, 'DE', 'FR'),
  egress: fc.constantFrom(null, '', 'office'),
  sourceAddress: fc.constantFrom('10.0.0.1', '203.0.113.1'),
  hour: fc.constantFrom(0, 9),
  amr: fc.constantFrom(['pwd'], ['hwk']),
  risk: fc.constantFrom(
    null,
    { score: 10, signals: [], untilMs: null },
    { score: 90, signals: [], untilMs: null },
  ),
  role: fc.constantFrom(null, 'admin', 'user'),
});
type Made = typeof requests extends fc.Arbitrary<infer T> ? T : never;
type User = typeof users extends fc.Arbitrary<infer T> ? T : never;

/** Of a request in the evening, too; the dates of rules are of the day. */
function requestFacts(user: User, made: Made): Facts {
  const atMs = nowMs + made.hour * 3_600_000;
  const facts = known(user, atMs);
  const session = facts.session.kind === 'live' ? facts.session : null;
  return {
    ...facts,
    request: {
      method: made.method,
      host,
      path: made.path,
      headers: made.role === null ? {} : { 'x-role': [made.role] },
    },
    sourceAddress: made.sourceAddress,
    device:
      made.managed === null
        ? { kind: 'none' }
        : {
            kind: 'known',
            id: device,
            managed: made.managed,
            ownerUserId: null,
            certificateSha256: '',
            certificateNotBeforeMs: 0,
            certificateNotAfterMs: atMs + 1e9,
            posture: [],
            blocked: null,
          },
    session:
      session === null
        ? facts.session
        : { ...session, amr: made.amr, deviceId: made.managed === null ? null : device },
    place: { country: made.country, region: null, asn: null, egress: made.egress },
    risk: made.risk,
  };
}

function known({ id, groups, employment }: User, atMs: number): Facts {
  const facts = factsOf(id, groups, { nowMs: atMs });
  const { session, user } = facts;
  return {
    ...facts,
    session:
      session.kind === 'live'
        ? { ...session, authenticatedAtMs: atMs, expiresAtMs: atMs + 1e9 }
        : session,
    user: user.kind === 'known' ? { ...user, employment } : user,
  };
}

function outcomeOf(compiled: CompiledPolicySet, facts: Facts): string {
  return decide(compiled, facts).outcome;
}

const seen = { always: 0, with: 0, never: 0 };

test('what is always open is open to every request, and what is never open to none', () => {
  fc.assert(
    fc.property(
      sets,
      users,
      fc.array(requests, { minLength: 8, maxLength: 8 }),
      fc.boolean(),
      fc.boolean(),
      (set, user, made, path, method) => {
        const question: Question = { subject: 'user', path, method };
        const reduced = reachSet(set, question);
        const compiled = compile(set);
        for (const one of made) {
          const asked = known(user, nowMs);
          const { access } = reach(reduced, {
            ...asked,
            request: {
              method: method ? one.method : 'GET',
              host: reduced.hosts.get('wiki') ?? '',
              path: path ? one.path : '/',
              headers: {},
            },
          });
          seen[access] += 1;
          const outcome = outcomeOf(compiled, requestFacts(user, one));
          if (access === 'always') expect(outcome).toBe('permit');
          if (access === 'never') expect(outcome).toBe('deny');
        }
      },
    ),
    { numRuns: 1_500 },
  );
  // Neither is said for want of anything better.
  expect(Math.min(seen.always, seen.with, seen.never)).toBeGreaterThan(300);
});
