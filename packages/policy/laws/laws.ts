import fc from 'fast-check';
import {
  type CompiledPolicySet,
  canonicalPath,
  compile,
  type Decision,
  decide,
  explain,
  type Facts,
  PolicyCompileError,
  type PolicySet,
  type StalenessFacts,
} from '../src/index.ts';
import {
  ages,
  facts,
  factsAtOnce,
  manyFacts,
  policySets,
  rawPaths,
  timelessSets,
  toldSets,
} from './arbitraries.ts';
import { damagedClosedSets, damagedPolicySets, oddFacts } from './damage.ts';
import { referenceDecide } from './reference.ts';
import { paths } from './words.ts';

export interface Law {
  readonly title: string;
  /** How many examples the short run takes. */
  readonly runs: number;
  /** How many times as many the long run takes. */
  readonly times: number;
  /** Throws where it finds a counterexample. */
  readonly check: (runs: number) => void;
}

/** For a hundred thousand decisions. */
const thorough = Math.ceil(100_000 / factsAtOnce);

/** What holds for every policy set and all facts. */
export const laws: readonly Law[] = [
  law('row 131: decide says what the slow reading of the design says', 20, agrees, thorough),
  law(
    'row 131: the order of rules, policies, routes and lists never matters',
    20,
    ordered,
    thorough,
  ),
  law('explain comes to the same decision as decide', 20, explains, thorough),
  law('a permit holds until its end', 100, lasts),
  law('the canonical form of a canonical path is itself', 4000, idempotent),
  law('a canonical path has nothing left that two parsers could read differently', 4000, clean),
  law('row 65: a decision on a path is the decision on its canonical form', 100, throughCanonical),
  law('row 65: other spellings of a path come to the same decision', 100, spelled),
  law('row 112: compile throws nothing but PolicyCompileError, whatever it is given', 100, sturdy),
  law('row 112: no session and no anonymous: true, no permit', 100, closed),
  law('odd facts neither throw nor open anything', 100, calm),
  law('what is not known lets nobody in who would not be let in if it were', 20, blind, 40),
  law('the age of the state only takes, and never gives', 100, takes),
  law('the longer nothing is heard the less is given', 100, fades),
  law('where serve is written no age changes a verdict', 100, serves),
  law('ages below every threshold change no verdict', 100, unnoticed),
];

function law(
  title: string,
  times: number,
  property: () => fc.IRawProperty<unknown, false>,
  runs = 300,
): Law {
  const check = (numRuns: number): void => {
    const { failed, counterexample, errorInstance } = fc.check(property(), { numRuns });
    if (!failed) return;
    const example = fc.stringify(counterexample);
    throw new Error(`not so for ${example}`, { cause: errorInstance });
  };
  return { title, runs, times, check };
}

type Property = fc.IRawProperty<unknown, false>;

function agrees(): Property {
  return fc.property(policySets, manyFacts, (set, all) => {
    const compiled = compile(set);
    for (const one of all) {
      const decision = decide(compiled, one);
      const { outcome, route } = decision;
      const watched = outcome === 'permit' && decision.wouldDeny !== null;
      same({ outcome, route, watched }, referenceDecide(set, one));
    }
  });
}

function ordered(): Property {
  return fc.property(policySets, manyFacts, fc.infiniteStream(fc.nat()), (set, all, numbers) => {
    const shuffle = <Entry>(list: readonly Entry[]): Entry[] =>
      list
        .map((entry) => ({ entry, at: next(numbers) }))
        .sort((left, right) => left.at - right.at)
        .map(({ entry }) => entry);
    const lists = <Value extends object>(values: readonly Value[]): Value[] =>
      shuffle(values).map((value) => shuffleLists(value, shuffle));
    const shuffled: PolicySet = {
      ...set,
      routes: lists(set.routes),
      policies: shuffle(set.policies).map(({ name, allow, deny, stepUp, conditions = [] }) => ({
        name,
        allow: lists(allow),
        deny: lists(deny),
        stepUp: lists(stepUp),
        conditions: lists(conditions),
      })),
      globalPolicies: shuffle(set.globalPolicies),
      services: lists(set.services ?? []),
    };
    const [compiled, other] = [compile(set), compile(shuffled)];
    for (const one of all) same(decide(other, one), decide(compiled, one));
  });
}

function shuffleLists<Value extends object>(
  value: Value,
  shuffle: (list: readonly unknown[]) => unknown[],
): Value {
  const entries = Object.entries(value).map(([key, part]: [string, unknown]) => [
    key,
    Array.isArray(part) ? shuffle(part) : part,
  ]);
  return Object.fromEntries(entries) as Value;
}

/** None of the expressions asks whether something is known: that is how a rule may let in by it. */
function blind(): Property {
  return fc.property(policySets, manyFacts, (set, all) => {
    const compiled = compile(set);
    for (const one of all) {
      const { request, device } = one;
      const less: readonly object[] = [
        { place: null },
        { risk: null },
        { place: null, risk: null, sourceAddress: 'nowhere' },
        { request: { ...request, headers: undefined } },
        { device: device.kind === 'known' ? { ...device, posture: [] } : device },
      ];
      for (const unknown of less) {
        if (letsIn(decide(compiled, { ...one, ...unknown }))) letIn(decide(compiled, one));
      }
    }
  });
}

/** By a rule: what a route only watches is another matter. */
function letsIn(decision: Decision): boolean {
  return decision.outcome === 'permit' && decision.wouldDeny === null;
}

function letIn(decision: Decision): void {
  if (!letsIn(decision)) throw new Error('let in by what is not known');
}

function explains(): Property {
  return fc.property(policySets, manyFacts, (set, all) => {
    const compiled = compile(set);
    for (const one of all) {
      const { decision, trace } = explain(compiled, one);
      same(decision, decide(compiled, one));
      if (trace.length === 0) throw new Error('a decision without a step');
      const rules = trace.flatMap((step) => (step.step === 'rule' ? [step.rule] : []));
      if (new Set(rules).size < rules.length) throw new Error('a rule that is looked at twice');
    }
  });
}

function lasts(): Property {
  const parts = fc.double({ min: 0, max: 1, noNaN: true });
  return fc.property(toldSets, manyFacts, parts, (set, all, part) => {
    const compiled = compile(set);
    for (const one of all) {
      const decision = decide(compiled, one);
      if (decision.outcome !== 'permit') continue;
      if (decision.untilMs <= one.nowMs) throw new Error('a permit that is over');
      const lastMs = decision.untilMs - 1;
      const laterMs = Math.floor(one.nowMs + (lastMs - one.nowMs) * part);
      for (const atMs of [laterMs, lastMs]) {
        const then = decide(compiled, calmed(later(one, atMs - one.nowMs)));
        same(withoutWhy(then), withoutWhy(decision));
      }
    }
  });
}

/** What is told of a denial that is not made may change with what others were allowed. */
function withoutWhy(decision: Decision): unknown {
  if (decision.outcome !== 'permit' || decision.wouldDeny === null) return decision;
  return { ...decision, wouldDeny: decision.wouldDeny.ruleIds };
}

function idempotent(): Property {
  return fc.property(fc.oneof(rawPaths, fc.string(), paths), (raw) => {
    const once = canonicalPath(raw);
    if (once.ok) same(canonicalPath(once.path), once);
  });
}

function clean(): Property {
  return fc.property(fc.oneof(rawPaths, paths), (raw) => {
    const canonical = canonicalPath(raw);
    if (!canonical.ok) return;
    const { path } = canonical;
    if (!/^\/(?:[A-Za-z0-9._~!$&'()*+,=:@/-]|%[0-9A-F]{2})*$/.test(path)) throw new Error(path);
    if (/\/\/|\/\.{1,2}(?:\/|$)|%2F|%5C|%3B|%[01]|%7F/.test(path)) throw new Error(path);
    decodeURIComponent(path);
  });
}

function throughCanonical(): Property {
  return fc.property(policySets, facts, rawPaths, (set, one, raw) => {
    const compiled = compile(set);
    const canonical = canonicalPath(raw);
    const decision = decide(compiled, at(one, raw));
    if (canonical.ok && canonical.path === raw) return;
    // The gate hands on the canonical form; whatever else comes is denied.
    if (decision.outcome !== 'deny') throw new Error(`${raw} was not denied`);
    if (!canonical.ok) return;
    const again = canonicalPath(canonical.path);
    if (!again.ok) throw new Error(canonical.path);
    same(decide(compiled, at(one, again.path)), decide(compiled, at(one, canonical.path)));
  });
}

function spelled(): Property {
  return fc.property(policySets, facts, fc.infiniteStream(fc.nat(7)), (set, one, numbers) => {
    const compiled = compile(set);
    const respelled = canonicalPath(respell(one.request.path, () => next(numbers)));
    if (!respelled.ok) throw new Error(respelled.problem);
    same(decide(compiled, at(one, respelled.path)), decide(compiled, one));
  });
}

/** Another way to write the same path: escapes, and dot segments that come to nothing. */
function respell(path: string, number: () => number): string {
  return path.replace(/%[0-9A-F]{2}|[a-z:]|\//g, (part) => {
    const choice = number();
    if (part === '/') return ['/./', '/z/../', '/%2e/', '/z/.%2E/'][choice] ?? '/';
    if (part.length === 3) return choice < 4 ? part.toLowerCase() : part;
    const hex = part.charCodeAt(0).toString(16);
    return choice < 2 ? `%${choice === 0 ? hex : hex.toUpperCase()}` : part;
  });
}

function sturdy(): Property {
  return fc.property(fc.oneof(damagedPolicySets, fc.jsonValue(), fc.anything()), (value) => {
    compileAnything(value);
  });
}

function closed(): Property {
  return fc.property(damagedClosedSets, facts, (value, one) => {
    const compiled = compileAnything(value);
    if (compiled === null || JSON.stringify(value).includes('"anonymous":true')) return;
    const { outcome } = decide(compiled, { ...one, session: { kind: 'none' } });
    if (outcome === 'permit') throw new Error('permitted without a session');
  });
}

function calm(): Property {
  return fc.property(policySets, oddFacts, (set, odd) => {
    const compiled = compile(set);
    const decision = decide(compiled, odd);
    same(explain(compiled, odd).decision, decision);
    if (decision.outcome === 'permit' && !(decision.untilMs <= Number.MAX_SAFE_INTEGER)) {
      throw new Error(`a permit without an end: ${decision.untilMs}`);
    }
  });
}

function takes(): Property {
  return fc.property(policySets, facts, (set, one) => {
    const without = decide(compile(serving(set)), one);
    const decision = decide(compile(set), one);
    if (decision.outcome === without.outcome) return;
    if (decision.outcome === 'deny') return;
    if (without.outcome !== 'permit' || decision.outcome !== 'step_up') {
      throw new Error(`${without.outcome} became ${decision.outcome}`);
    }
  });
}

const rank: Record<Decision['outcome'], number> = { permit: 3, step_up: 2, sign_in: 1, deny: 0 };

/** Everything else that time changes stays as far away as it is. */
function fades(): Property {
  return fc.property(timelessSets, facts, ages, (set, any, byMs) => {
    const one = signedInBefore(any);
    const compiled = compile(set);
    const aged = later(one, byMs);
    const { device, session } = aged;
    const after = {
      ...aged,
      device:
        device.kind === 'known'
          ? {
              ...device,
              certificateNotBeforeMs: device.certificateNotBeforeMs + byMs,
              certificateNotAfterMs: device.certificateNotAfterMs + byMs,
            }
          : device,
      session:
        session.kind === 'live' ? { ...session, expiresAtMs: session.expiresAtMs + byMs } : session,
      user: employedFor(aged.user, byMs),
    };
    const [now, then] = [decide(compiled, one).outcome, decide(compiled, after).outcome];
    if (rank[then] > rank[now]) throw new Error(`${now} became ${then}`);
  });
}

function employedFor(user: Facts['user'], byMs: number): Facts['user'] {
  if (user.kind !== 'known' || user.employment === null) return user;
  const { class: as, endsAtMs } = user.employment;
  return {
    ...user,
    employment: { class: as, endsAtMs: endsAtMs === null ? null : endsAtMs + byMs },
  };
}

/** A sign-in in the future would become one of the past, and a session would be confirmed by it. */
function signedInBefore(one: Facts): Facts {
  const { session, nowMs } = one;
  if (session.kind !== 'live') return one;
  const authenticatedAtMs = Math.min(session.authenticatedAtMs, nowMs);
  return { ...one, session: { ...session, authenticatedAtMs } };
}

function serves(): Property {
  return fc.property(policySets, facts, (set, one) => {
    const compiled = compile(serving(set));
    same(decide(compiled, one), decide(compiled, { ...one, staleness: fresh }));
  });
}

function unnoticed(): Property {
  const below = fc.integer({ min: 0, max: 999 });
  const all = fc.record({ revokeMs: below, signalsMs: below, configMs: below, directoryMs: below });
  return fc.property(policySets, facts, all, (set, one, staleness) => {
    const decision = decide(compile(set), { ...one, staleness });
    const without = decide(compile(serving(set)), one);
    same({ ...decision, untilMs: 0 }, { ...without, untilMs: 0 });
  });
}

const fresh: StalenessFacts = { revokeMs: 0, signalsMs: 0, configMs: 0, directoryMs: 0 };

/** The same set, with no end to how old the state may be. */
function serving(set: PolicySet): PolicySet {
  return {
    ...set,
    routes: set.routes.map(({ staleness: _staleness, ...route }) => route),
    staleness: { revoke: 'serve', signals: 'serve', config: 'serve', directory: 'serve' },
  };
}

/** The same facts after a while in which nothing was heard. */
function later(one: Facts, byMs: number): Facts {
  const older = (ageMs: number) => Math.min(Number.MAX_SAFE_INTEGER, ageMs + byMs);
  const { revokeMs, signalsMs, configMs, directoryMs } = one.staleness;
  return {
    ...one,
    nowMs: one.nowMs + byMs,
    staleness: {
      revokeMs: older(revokeMs),
      signalsMs: older(signalsMs),
      configMs: older(configMs),
      directoryMs: older(directoryMs),
    },
  };
}

/** The risk is gone from the instant on that it tells. */
function calmed(one: Facts): Facts {
  const untilMs = one.risk?.untilMs ?? Number.MAX_SAFE_INTEGER;
  return one.nowMs < untilMs ? one : { ...one, risk: { score: 0, signals: [], untilMs: null } };
}

function compileAnything(value: unknown): CompiledPolicySet | null {
  try {
    return compile(value as PolicySet);
  } catch (error) {
    if (!(error instanceof PolicyCompileError)) throw error;
    if (error.problems.length === 0) throw new Error('refused without a problem', { cause: error });
    return null;
  }
}

function next(numbers: fc.Stream<number>): number {
  const found = numbers.next();
  return found.done === true ? 0 : found.value;
}

function at(one: Facts, path: string): Facts {
  return { ...one, request: { ...one.request, path } };
}

function same(found: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  if (left !== right) throw new Error(`found ${left}, expected ${right}`);
}
