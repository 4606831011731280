import { covers, requireCovers } from './covers.ts';
import type { LintFinding } from './finding.ts';
import { firstLiteral } from './patterns.ts';
import { type AnyRule, type PlacedRule, type Subject, wholeName } from './rules.ts';

/** Rules that one rule is compared with: a large set is not compared each with each. */
const comparedMax = 200;

/** Rules that change nothing, because another of their kind applies wherever they do. */
export function shadowed(subject: Subject): LintFinding[] {
  const index = indexOf(subject.rules);
  return subject.rules.flatMap((rule) => {
    const by = candidates(index, rule.kind, rule).find(
      (other) =>
        shadows(other, rule, subject) && !(shadows(rule, other, subject) && rule.id < other.id),
    );
    if (by === undefined) return [];
    const message = `changes nothing: ${by.id} applies wherever it does`;
    return [{ code: 'shadowed' as const, document: rule.document, path: rule.path, message }];
  });
}

/** Allow rules that let nobody in, because a deny rule applies wherever they do. */
export function alwaysDenied(subject: Subject): LintFinding[] {
  const index = indexOf(subject.rules);
  return subject.rules.flatMap((rule) => {
    if (rule.kind !== 'allow') return [];
    const by = candidates(index, 'deny', rule).find(
      (other) => standsWherever(other, rule, subject) && seen(other, rule),
    );
    if (by === undefined) return [];
    const message = `lets nobody in: ${by.id} denies whatever it allows`;
    return [{ code: 'always_denied' as const, document: rule.document, path: rule.path, message }];
  });
}

function shadows(wide: PlacedRule, narrow: PlacedRule, subject: Subject): boolean {
  if (wide === narrow || !standsWherever(wide, narrow, subject)) return false;
  if (needsSession(wide, subject) && !needsSession(narrow, subject)) return false;
  if (!requireCovers(wide.rule.require, narrow.rule.require)) return false;
  return seen(wide, narrow);
}

function seen(wide: PlacedRule, narrow: PlacedRule): boolean {
  return covers(named(wide), named(narrow));
}

/** With the names of its conditions whole: the short ones mean something in its own policy alone. */
function named({ rule, policy }: PlacedRule): AnyRule {
  if (rule.conditions === undefined) return rule;
  return { ...rule, conditions: rule.conditions.map((name) => wholeName(name, policy)) };
}

/** In every set of rules that has the one, the other is too. */
function standsWherever(wide: PlacedRule, narrow: PlacedRule, subject: Subject): boolean {
  if (wide.policy === narrow.policy || subject.everywhere.has(wide.policy)) return true;
  if (subject.everywhere.has(narrow.policy)) return false;
  const routes = subject.routesOf(narrow.policy);
  return routes.length > 0 && routes.every(({ spec }) => spec.policies.includes(wide.policy));
}

function needsSession({ kind, rule, policy }: PlacedRule, subject: Subject): boolean {
  if (kind !== 'allow' || rule.anonymous === true) return false;
  return subject.conditionsOf(rule, policy).every(({ services }) => services === undefined);
}

type Index = ReadonlyMap<string, readonly PlacedRule[]>;

/** A rule about users can cover only rules that name one of them, and so on: found by that. */
function indexOf(rules: readonly PlacedRule[]): Index {
  const index = new Map<string, PlacedRule[]>();
  for (const rule of rules) {
    for (const key of keysOf(rule.rule)) {
      const list = index.get(`${rule.kind} ${key}`);
      if (list === undefined) index.set(`${rule.kind} ${key}`, [rule]);
      else list.push(rule);
    }
  }
  return index;
}

/** By the first of these that it has. */
function keysOf(rule: AnyRule): ReadonlySet<string> {
  const [keys] = keyLists(rule);
  return new Set(keys ?? ['any']);
}

function candidates(index: Index, kind: PlacedRule['kind'], { rule }: PlacedRule): PlacedRule[] {
  // One entry of each list will do: who covers the rule has all of them.
  const keys = [...keyLists(rule).flatMap((list) => list[0] ?? []), 'path *', 'any'];
  const found = keys.flatMap((key) => index.get(`${kind} ${key}`)?.slice(0, comparedMax) ?? []);
  return [...new Set(found)].slice(0, comparedMax);
}

function keyLists({ users, groups, services, paths, when }: AnyRule): readonly string[][] {
  return [
    users?.map((user) => `user ${user.toLowerCase()}`),
    groups?.map((group) => `group ${group}`),
    services?.map((service) => `service ${service}`),
    when === undefined ? undefined : [`when ${when}`],
    paths?.map((path) => `path ${firstLiteral(path) ?? '*'}`),
  ].filter((list) => list !== undefined);
}
