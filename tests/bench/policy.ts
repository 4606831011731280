import {
  type CompiledPolicySet,
  compile,
  type Decision,
  decide,
  type Facts,
  type PolicySet,
} from '@sallyport/policy';
import { type Credentials, type Directory, fillDirectory } from './lib/policy-directory.ts';
import {
  makeRequests,
  makeRules,
  policySetOf,
  type TeamRequest,
  type TeamRule,
} from './lib/policy-workload.ts';
import {
  type BenchmarkOptions,
  type Figure,
  median,
  percentile,
  type Report,
} from './lib/report.ts';
import { casbinEngine } from './peers/casbin.ts';
import { cedarEngine } from './peers/cedar.ts';
import type { PolicyEngine } from './peers/policy-engine.ts';

/**
 * What a decision costs, by the number of rules and routes, with a million users and devices in the
 * tables that its facts come from, and what it costs other engines with the same rules.
 */
const subjects = 1_000_000;
const ruleCounts = [10, 100, 1_000, 10_000];
const routeCounts = [10, 1_000];
const requestsEach = 20_000;
/** Subjects whose requests a worker sees at one time. */
const active = 500;
/** Other engines are asked no more than they answer in their time. */
const peerRequests = 2_000;
const peers: readonly PolicyEngine[] = [cedarEngine, casbinEngine];
/**
 * How long each is measured at a time, and how many decisions it makes at least. Before, it works for
 * a while unmeasured: who went before has left it cold caches.
 */
const warmUpMs = 100;
const turnMs = 250;
const decisionsMin = 50;
/** How many answers are compared before anything is measured. */
const comparedMax = 100;
const nowMs = 1_800_000_000_000;

export async function policy(options: BenchmarkOptions): Promise<Report> {
  options.say(`filling tables with ${subjects} users and devices`);
  const directory = fillDirectory(subjects, nowMs);
  const share = startShare();
  const cells: Cell[] = [];
  for (const rules of ruleCounts) {
    for (const routes of routeCounts) {
      const cell = await measureCell(directory, rules, routes, options.runs);
      cells.push(cell);
      options.say(
        `${rules} rules, ${routes} routes: ${cell.own.rate.toFixed(0)} decisions a second`,
      );
    }
  }
  const compileMs = measureCompile(policySetOf(makeRules(10_000), 1_000), options.runs);
  return {
    versions: {
      node: process.versions.node,
      ...Object.fromEntries(peers.map(({ name, version }) => [name, version])),
    },
    figures: [
      ...cells.flatMap(figuresOf),
      {
        what: 'decide, p99 at 10,000 rules: 1,000 routes by 10',
        unit: 'times',
        value: p99At(cells, 10_000, 1_000) / p99At(cells, 10_000, 10),
        goal: 1.25,
        better: 'lower',
      },
      { what: 'compile 10,000 rules', unit: 'ms', value: compileMs, goal: 200, better: 'lower' },
      {
        what: 'share of a core that the measuring thread had',
        unit: 'ratio',
        value: share(),
        goal: null,
        better: 'higher',
      },
    ],
    notes: [
      'facts: what a decision looks at is gathered from tables of 1 M users and 1 M devices first',
      'other engines have their input in hand, and are compared to decisions on facts in hand',
      'other engines look up no route: they are told which policy is meant',
      'OPA is left out: its compiler to WebAssembly is in neither npm nor Debian, only its runtime is',
    ],
  };
}

/** Decisions a second, and the time in microseconds that all but one in a hundred stay below. */
interface Measured {
  readonly rate: number;
  readonly p99: number;
}

interface Cell {
  readonly rules: number;
  readonly routes: number;
  readonly own: Measured;
  /** Facts gathered from the tables first: of those who are active, and of any subject. */
  readonly ofActive: Measured;
  readonly ofAny: Measured;
  readonly others: readonly (Measured & { readonly name: string })[];
}

async function measureCell(
  directory: Directory,
  ruleCount: number,
  routes: number,
  runs: number,
): Promise<Cell> {
  const rules = makeRules(ruleCount);
  const compiled = compile(policySetOf(rules, routes));
  const asked = (subjectCount: number): readonly Asked[] => {
    // A subject has one connection and one session, from which all of its requests have them.
    const known = new Map<number, Credentials>();
    return makeRequests(requestsEach, rules, routes, subjectCount).map((request) => {
      const { subject } = request;
      const who = known.get(subject) ?? directory.credentials(subject);
      known.set(subject, who);
      return { request, who };
    });
  };
  const [ofActive, ofAny] = [asked(active), asked(directory.count)];
  const facts = ofAny.map(({ who, request }) => directory.gather(who, request.facts, nowMs));
  const requests = ofAny.slice(0, peerRequests).map(({ request }) => request);
  const loaded = await loadPeers(rules, requests, compiled, facts);
  const ways = [
    () => timed(facts, (one) => decide(compiled, one)),
    () => timed(ofActive, (one) => gatherAndDecide(directory, compiled, one)),
    () => timed(ofAny, (one) => gatherAndDecide(directory, compiled, one)),
    ...loaded.map((peer) => () => timed(requests, peer.allows)),
  ];
  const measured = ways.map((): Measured[] => []);
  // The first is for nothing, so that all code is compiled as it will be.
  for (let run = 0; run <= runs; run += 1) {
    for (const [at, way] of ways.entries()) {
      const found = way();
      if (run > 0) measured[at]?.push(found);
    }
  }
  const [own, recent, any, ...others] = measured.map(middle);
  if (own === undefined || recent === undefined || any === undefined) throw new Error('no run');
  return {
    rules: ruleCount,
    routes,
    own,
    ofActive: recent,
    ofAny: any,
    others: others.map((one, at) => ({ name: loaded[at]?.name ?? '', ...one })),
  };
}

interface Asked {
  readonly request: TeamRequest;
  readonly who: Credentials;
}

function gatherAndDecide(
  directory: Directory,
  compiled: CompiledPolicySet,
  { who, request }: Asked,
): Decision {
  return decide(compiled, directory.gather(who, request.facts, nowMs));
}

/** Loads the other engines, and sees that they say what `decide` says. */
async function loadPeers(
  rules: readonly TeamRule[],
  requests: readonly TeamRequest[],
  compiled: CompiledPolicySet,
  facts: readonly Facts[],
) {
  const loaded = await Promise.all(
    peers.map(async (peer) => ({ name: peer.name, allows: await peer.load(rules, requests) })),
  );
  const answers = new Set<boolean>();
  for (const [at, request] of requests.slice(0, comparedMax).entries()) {
    const one = facts[at];
    const permitted = one !== undefined && decide(compiled, one).outcome === 'permit';
    answers.add(permitted);
    for (const { name, allows } of loaded) {
      if (allows(request) !== permitted) {
        throw new Error(`${name} says otherwise: ${JSON.stringify({ request, permitted })}`);
      }
    }
  }
  if (answers.size !== 2) throw new Error('all requests have the same answer');
  return loaded;
}

/** Times one input after the other, for the same time whoever works: others may use the machine. */
function timed<Input>(inputs: readonly Input[], work: (input: Input) => unknown): Measured {
  const took: number[] = [];
  const startedMs = performance.now();
  let measuredFrom = 0;
  let beganMs = startedMs;
  let beforeMs = startedMs;
  while (beforeMs - beganMs < turnMs || took.length - measuredFrom < decisionsMin) {
    const from = took.length % inputs.length;
    for (const input of inputs.slice(from, from + decisionsMin)) {
      work(input);
      const afterMs = performance.now();
      took.push((afterMs - beforeMs) * 1_000);
      beforeMs = afterMs;
    }
    beforeMs = performance.now();
    if (measuredFrom === 0 && beforeMs - startedMs >= warmUpMs) {
      measuredFrom = took.length;
      beganMs = beforeMs;
    }
  }
  const measured = took.slice(measuredFrom);
  const sumUs = measured.reduce((sum, one) => sum + one, 0);
  return { rate: (measured.length * 1e6) / sumUs, p99: percentile(measured, 0.99) };
}

function middle(all: readonly Measured[]): Measured {
  return { rate: median(all.map(({ rate }) => rate)), p99: median(all.map(({ p99 }) => p99)) };
}

function measureCompile(set: PolicySet, runs: number): number {
  const took = Array.from({ length: runs + 1 }, () => {
    const before = performance.now();
    compile(set);
    return performance.now() - before;
  });
  // The first of a process: that is what an edge that starts has to wait for.
  return Math.max(took[0] ?? Number.NaN, median(took));
}

function figuresOf({ rules, routes, own, ofActive, ofAny, others }: Cell): Figure[] {
  const where = `${rules.toLocaleString('en')} rules, ${routes.toLocaleString('en')} routes`;
  const best = Math.max(...others.map(({ rate }) => rate));
  const goal = rules === 10_000 ? 20 : null;
  const of = (who: string, { rate, p99 }: Measured, goal: number | null): Figure[] => [
    { what: `${where}: ${who}`, unit: '1/s', value: rate, goal: null, better: 'higher' },
    { what: `${where}: ${who}, p99`, unit: 'us', value: p99, goal, better: 'lower' },
  ];
  return [
    ...of('decide', own, null),
    ...of(`facts and decide, ${active} active subjects`, ofActive, goal),
    ...of('facts and decide, any subject', ofAny, goal),
    ...others.flatMap((other) => of(other.name, other, null)),
    {
      what: `${where}: decide by the best other`,
      unit: 'times',
      value: own.rate / best,
      goal: 10,
      better: 'higher',
    },
  ];
}

function p99At(cells: readonly Cell[], rules: number, routes: number): number {
  const cell = cells.find((one) => one.rules === rules && one.routes === routes);
  return cell?.own.p99 ?? Number.NaN;
}

/** From now on: processor time of this thread by wall time. Far below 1, others had the machine. */
function startShare(): () => number {
  const startedMs = performance.now();
  const before = process.threadCpuUsage();
  return () => {
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1_000 / (performance.now() - startedMs);
  };
}
