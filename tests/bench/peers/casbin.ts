import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { newEnforcer, newModelFromString } from 'casbin';
import type { TeamRequest, TeamRule } from '../lib/policy-workload.ts';
import type { PolicyEngine } from './policy-engine.ts';

/** Teams are roles, policies are domains; what is cheap and rules out most comes first. */
const model = `
[request_definition]
r = sub, dom, path, act, managed
[policy_definition]
p = sub, dom, path, act, eft
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = r.dom == p.dom && (p.act == '*' || r.act == p.act) && g(r.sub, p.sub) && keyMatch(r.path, p.path) && (p.eft == 'deny' || r.managed)
`;

/** Casbin: a list of rules for one matcher. Roles are loaded for those alone who will ask. */
export const casbinEngine: PolicyEngine = {
  name: 'casbin',
  version: versionOf('casbin'),
  async load(rules, requests) {
    const enforcer = await newEnforcer(newModelFromString(model));
    await enforcer.addPolicies(rules.map(lineOf));
    await enforcer.addGroupingPolicies(rolesOf(requests));
    return ({ subject, policy, path, method }) =>
      enforcer.enforceSync(`u${subject}`, `p${policy}`, path, method, true);
  },
};

function lineOf({ effect, policy, team, area }: TeamRule): string[] {
  return [team, `p${policy}`, `/area-${area}/*`, effect === 'allow' ? '*' : 'DELETE', effect];
}

function rolesOf(requests: readonly TeamRequest[]): string[][] {
  const teams = new Map(requests.map((request) => [`u${request.subject}`, request.teams]));
  return [...teams].flatMap(([user, all]) => all.map((team) => [user, team]));
}

function versionOf(name: string): string {
  const path = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
