import { compilePolicies, readPolicyNames } from './compile-policies.ts';
import { compileRoutes } from './compile-routes.ts';
import { compileBudgets, defaultBudgets } from './compile-staleness.ts';
import { ConditionPool } from './conditions/pool.ts';
import type { PolicySet } from './model.ts';
import { Problems } from './problems.ts';
import { below, type Place, readCount, readFields } from './read.ts';
import type { CompiledPolicySet } from './route.ts';

/**
 * Turns a policy set into indexes, once per version. Reads it as if it could be anything, and throws
 * PolicyCompileError with all that is wrong with it. The order of routes, policies and rules never
 * matters: rules are sorted by id, and no two routes may claim the same requests.
 */
export function compile(set: PolicySet): CompiledPolicySet {
  const problems = new Problems();
  const compiled = compileSet(set, { field: '', problems });
  problems.throwIfAny();
  if (compiled === null) throw new Error('nothing was compiled and nothing was wrong');
  return compiled;
}

function compileSet(value: unknown, place: Place): CompiledPolicySet | null {
  const required = ['version', 'routes', 'policies', 'globalPolicies'];
  const fields = readFields(value, place, required, ['staleness']);
  if (fields === null) return null;
  const at = (field: string) => below(place, field);
  const version = readCount(fields.get('version'), at('version'), 0);
  const pool = new ConditionPool();
  const policies = compilePolicies(fields.get('policies'), at('policies'), pool);
  const globals = readPolicyNames(fields.get('globalPolicies'), at('globalPolicies'), policies);
  const budgets = fields.has('staleness')
    ? compileBudgets(fields.get('staleness'), at('staleness'), 'settings', defaultBudgets)
    : defaultBudgets;
  const hosts = compileRoutes(fields.get('routes'), at('routes'), policies, globals, budgets);
  return version === null ? null : { version, ...hosts, groups: pool.groups };
}
