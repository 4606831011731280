import { parseHostPattern } from './canonical-host.ts';
import { type Policies, readPolicyNames } from './compile-policies.ts';
import { compileBudgets, countingBudgets, type HeldBudgets } from './compile-staleness.ts';
import { readMethod } from './conditions/method.ts';
import { readPattern } from './conditions/path.ts';
import { patternKey } from './pattern.ts';
import {
  below,
  complain,
  type Place,
  readEntries,
  readFields,
  readInstant,
  readList,
  readName,
} from './read.ts';
import type { CompiledPolicySet } from './route.ts';
import { type CompiledRoute, PathTable } from './route-table.ts';
import type { RuleIndex } from './rule-index.ts';

interface Hosts {
  readonly exactHosts: Map<string, PathTable>;
  readonly wildcardHosts: Map<string, PathTable>;
}

const optional = ['staleness', 'monitor'];

/** Compiles all routes into the tables that requests are looked up in. */
export function compileRoutes(
  value: unknown,
  place: Place,
  policies: Policies,
  globals: ReadonlySet<string>,
  settings: HeldBudgets,
): Pick<CompiledPolicySet, 'exactHosts' | 'wildcardHosts'> {
  const hosts: Hosts = { exactHosts: new Map(), wildcardHosts: new Map() };
  const usual = countingBudgets(settings);
  const names = new Set<string>();
  for (const [index, entry] of (readList(value, place) ?? []).entries()) {
    const at = below(place, index);
    const fields = readFields(entry, at, ['name', 'matches', 'policies'], optional);
    if (fields === null) continue;
    const name = readName(fields.get('name'), below(at, 'name'));
    const own = readPolicyNames(fields.get('policies'), below(at, 'policies'), policies);
    const staleness = fields.has('staleness')
      ? countingBudgets(
          compileBudgets(fields.get('staleness'), below(at, 'staleness'), 'route', settings),
        )
      : usual;
    const indexes = [...new Set([...globals, ...own])].flatMap(
      (policy) => policies.get(policy) ?? [],
    );
    checkSteps(indexes, at);
    const route = {
      name: name ?? '',
      policies: indexes,
      monitorUntilMs: fields.has('monitor')
        ? readMonitor(fields.get('monitor'), below(at, 'monitor'))
        : Number.NEGATIVE_INFINITY,
      staleness,
    };
    readEntries(fields.get('matches'), below(at, 'matches'), (match, where) =>
      addMatch(match, where, hosts, route),
    );
    if (name === null) continue;
    if (names.has(name)) complain(below(at, 'name'), `there are two routes named ${name}`);
    names.add(name);
  }
  return hosts;
}

/**
 * Steps that all the rules of a route may take for one request, whoever sends it: they are counted
 * as if each applied and every fact were as large as it may be.
 */
const stepsMax = 250_000;

/** One rule has a bound of its own; ten thousand at theirs would hold an edge up for many seconds. */
function checkSteps(indexes: readonly RuleIndex[], place: Place): void {
  const steps = indexes.reduce((sum, index) => sum + index.steps, 0);
  if (steps <= stepsMax) return;
  complain(
    below(place, 'policies'),
    `have rules that could take ${steps} steps for one request, and ${stepsMax} is the most: ` +
      'use `groups`, `users` and `paths` in place of `when`, `pathsMatching` and long lists',
  );
}

/** Never without an end: what is watched for good is not enforced at all. */
function readMonitor(value: unknown, place: Place): number {
  const fields = readFields(value, place, ['until'], []);
  const untilMs = fields === null ? null : readInstant(fields.get('until'), below(place, 'until'));
  return untilMs ?? Number.NEGATIVE_INFINITY;
}

function addMatch(value: unknown, place: Place, hosts: Hosts, route: CompiledRoute): true | null {
  const fields = readFields(value, place, ['host', 'path', 'methods'], []);
  if (fields === null) return null;
  const table = tableOf(fields.get('host'), below(place, 'host'), hosts);
  const pattern = readPattern(fields.get('path'), below(place, 'path'));
  const listed = fields.get('methods');
  const methods = listed === null ? null : readEntries(listed, below(place, 'methods'), readMethod);
  if (table === null || pattern === null || (listed !== null && methods === null)) return null;
  const holder = table.add(pattern, methods, route);
  if (holder === null) return true;
  return complain(place, `route ${holder.name} has ${patternKey(pattern)} on this host already`);
}

function tableOf(value: unknown, place: Place, hosts: Hosts): PathTable | null {
  const host = typeof value === 'string' ? parseHostPattern(value) : null;
  if (host === null) {
    return complain(place, 'must be a lower-case DNS name, with *. in front for any one label');
  }
  const [tables, key] =
    host.kind === 'exact' ? [hosts.exactHosts, host.host] : [hosts.wildcardHosts, host.suffix];
  const table = tables.get(key) ?? new PathTable();
  tables.set(key, table);
  return table;
}
