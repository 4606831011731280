import { compilePolicies, readPolicyNames } from './compile-policies.ts';
import { compileRoutes } from './compile-routes.ts';
import { compileServices } from './compile-services.ts';
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
  const fields = readFields(value, place, required, ['staleness', 'services']);
  if (fields === null) return null;
  const at = (field: string) => below(place, field);
  const version = readCount(fields.get('version'), at('version'), 0);
  const services = compileServices(
    fields.has('services') ? fields.get('services') : [],
    at('services'),
  );
  const pool = new ConditionPool(services.names);
  const policies = compilePolicies(fields.get('policies'), at('policies'), pool);
  const globals = readPolicyNames(fields.get('globalPolicies'), at('globalPolicies'), policies);
  const budgets = fields.has('staleness')
    ? compileBudgets(fields.get('staleness'), at('staleness'), 'settings', defaultBudgets)
    : defaultBudgets;
  const hosts = compileRoutes(fields.get('routes'), at('routes'), policies, globals, budgets);
  if (version === null) return null;
  return {
    version,
    ...hosts,
    groups: pool.groups,
    serviceOf: lookUp(services.byDevice),
    headerNames: [...pool.headerNames].sort(),
  };
}

/** Most sets have no services: then no id is looked up for nothing. */
function lookUp(byDevice: ReadonlyMap<string, string>): CompiledPolicySet['serviceOf'] {
  return byDevice.size === 0 ? () => null : (deviceId) => byDevice.get(deviceId) ?? null;
}
