import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { TeamRequest, TeamRule } from '../lib/policy-workload.ts';
import type { PolicyEngine } from './policy-engine.ts';

/**
 * Cedar: policies with their subject and resource in the scope, where its engine looks first; parsed
 * once, as its documentation advises for many decisions. Groups and applications are parents of the
 * entities that a call brings.
 */
export const cedarEngine: PolicyEngine = {
  name: 'cedar-wasm',
  version: cedar.getCedarSDKVersion(),
  load(rules) {
    const id = `rules-${rules.length}`;
    const staticPolicies = Object.fromEntries(
      rules.map((rule) => [`r${rule.number}`, textOf(rule)]),
    );
    const parsed = cedar.preparsePolicySet(id, { staticPolicies });
    if (parsed.type !== 'success') throw new Error(JSON.stringify(parsed.errors));
    return Promise.resolve((request) => isAllowed(id, request));
  },
};

function textOf({ effect, policy, team, area }: TeamRule): string {
  const [word, action, managed] =
    effect === 'allow'
      ? ['permit', 'action', 'context.managed && ']
      : ['forbid', 'action == Action::"DELETE"', ''];
  return (
    `${word}(principal in Team::"${team}", ${action}, resource in Policy::"p${policy}") ` +
    `when { ${managed}context.path like "/area-${area}/*" };`
  );
}

function isAllowed(preparsedPolicySetId: string, request: TeamRequest): boolean {
  const principal = { type: 'User', id: `u${request.subject}` };
  const resource = { type: 'Application', id: `app-${request.route}` };
  const answer = cedar.statefulIsAuthorized({
    principal,
    action: { type: 'Action', id: request.method },
    resource,
    context: { path: request.path, managed: true },
    preparsedPolicySetId,
    entities: [
      { uid: principal, attrs: {}, parents: request.teams.map((id) => ({ type: 'Team', id })) },
      { uid: resource, attrs: {}, parents: [{ type: 'Policy', id: `p${request.policy}` }] },
    ],
  });
  if (answer.type !== 'success') throw new Error(JSON.stringify(answer.errors));
  return answer.response.decision === 'allow';
}
