import type { DenyRule, PolicySet, RequestFacts } from '@sallyport/policy';

/**
 * Rules and requests of a made-up company, for every engine the same. Applications share ten
 * policies; a rule lets a team into an area of the applications of one policy, from managed devices,
 * or keeps it from deleting there. One rule in a hundred is about all employees.
 */
export interface TeamRule {
  readonly number: number;
  readonly effect: 'allow' | 'deny';
  readonly policy: number;
  readonly team: string;
  readonly area: number;
}

/** What somebody asks for. */
export interface TeamRequest {
  /** Number of the user, whose device has the same. */
  readonly subject: number;
  readonly teams: readonly string[];
  readonly policy: number;
  readonly route: number;
  readonly method: 'GET' | 'DELETE';
  readonly path: string;
  readonly facts: RequestFacts;
}

const teamCount = 500;
const areaCount = 40;
const policiesMax = 10;

/** The teams of a user, in the form that the directory has them. */
export function teamsOf(subject: number): readonly string[] {
  const numbers = [0, 1, 2, 3, 4].map((n) => (subject * (n * 30 + 1) + n * 77) % teamCount);
  return ['employees', ...new Set(numbers.map(teamName))].sort();
}

function teamName(number: number): string {
  return `team-${number}`;
}

function policyCount(rules: number): number {
  return Math.min(policiesMax, Math.ceil(rules / 10));
}

/** That many rules. */
export function makeRules(count: number): readonly TeamRule[] {
  const each = Math.ceil(count / policyCount(count));
  return Array.from({ length: count }, (_, number) => ({
    number,
    effect: number % 10 === 9 ? 'deny' : 'allow',
    policy: Math.floor(number / each),
    team: number % 100 === 50 ? 'employees' : teamName(number % teamCount),
    area: (number * 17 + Math.floor(number / areaCount)) % areaCount,
  }));
}

/** As an administrator of this product writes them. */
export function policySetOf(rules: readonly TeamRule[], routes: number): PolicySet {
  const policies = policyCount(rules.length);
  const named = ({ number, team, area }: TeamRule): DenyRule => ({
    name: `r${number}`,
    groups: [team],
    paths: [`/area-${area}/**`],
  });
  return {
    version: 1,
    routes: Array.from({ length: routes }, (_, route) => ({
      name: `app-${route}`,
      matches: [{ host: hostOf(route), path: '/**', methods: null }],
      policies: [`p${route % policies}`],
    })),
    policies: Array.from({ length: policies }, (_, policy) => {
      const own = rules.filter((rule) => rule.policy === policy);
      return {
        name: `p${policy}`,
        allow: own
          .filter(({ effect }) => effect === 'allow')
          .map((rule) => ({ ...named(rule), device: { managed: true } })),
        deny: own
          .filter(({ effect }) => effect === 'deny')
          .map((rule) => ({ ...named(rule), methods: ['DELETE'] })),
        stepUp: [],
      };
    }),
    globalPolicies: [],
  };
}

function hostOf(route: number): string {
  return `app-${route}.corp.test`;
}

/** Requests of which every other is about what some rule is about. */
export function makeRequests(
  count: number,
  rules: readonly TeamRule[],
  routes: number,
  subjects: number,
): readonly TeamRequest[] {
  const policies = policyCount(rules.length);
  const random = sequence();
  return Array.from({ length: count }, (_, at) => {
    const rule = at % 2 === 0 ? rules[random(rules.length)] : undefined;
    const team = rule === undefined || rule.team === 'employees' ? random(teamCount) : teamOf(rule);
    const subject = team + teamCount * random(Math.floor(subjects / teamCount));
    const route = rule === undefined ? random(routes) : routeOf(rule, policies, routes, random);
    const method = rule?.effect === 'deny' ? 'DELETE' : 'GET';
    const path = `/area-${rule?.area ?? random(areaCount)}/reports/${at}`;
    return {
      subject,
      teams: teamsOf(subject),
      policy: route % policies,
      route,
      method,
      path,
      facts: { method, host: hostOf(route), path, headers: {} },
    };
  });
}

function teamOf({ team }: TeamRule): number {
  return Number(team.slice('team-'.length));
}

function routeOf(
  { policy }: TeamRule,
  policies: number,
  routes: number,
  random: (below: number) => number,
): number {
  return policy + policies * random(Math.floor(routes / policies));
}

/** The same numbers in every run, below a bound. */
function sequence(): (below: number) => number {
  let state = 0x9e3779b9;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
