import type { Condition, ConditionKeys, RuleKind } from './conditions/condition.ts';
import { foldEmail } from './conditions/user.ts';
import { PathRules } from './path-rules.ts';
import type { RuleLists } from './rule-lists.ts';
import type { CompiledRule } from './rules.ts';
import type { KnownUser, View } from './view.ts';

/** What of one policy's rules could apply, by who asks and for what path. */
export interface RuleIndex {
  /** How many rules of each kind it holds. */
  readonly sizes: Readonly<Record<RuleKind, number>>;
  /** That evaluating all of them may take at the most, as conditions count them. */
  readonly steps: number;
  /** Adds the lists in which all rules stand that are not ruled out; some may stand in several. */
  readonly collect: (view: View, into: RuleLists[]) => void;
  /**
   * Adds the lists in which the rules stand that are about users and not ruled out by the path,
   * whoever the user is: of those that differ in nothing but the user, the first.
   */
  readonly collectForAnyUser: (view: View, into: RuleLists[]) => void;
}

type SubjectKeys = Exclude<ConditionKeys, { readonly by: 'path' }>;

/**
 * Indexes the rules of a policy, which come in the order of their ids: by the users, groups or
 * services that they name, and within those by path. What an index rules out would be false for a
 * condition that is never anything else where the subject is known. Where nobody is signed in, a
 * rule about users is pending: only an allow rule makes something of that, and any rule that may be
 * unknown instead.
 */
export function indexRules(rules: Iterable<CompiledRule>): RuleIndex {
  const sizes = { allow: 0, deny: 0, stepUp: 0 };
  let steps = 0;
  const users = new SubjectRules<string>();
  const groups = new SubjectRules<number>();
  const services = new SubjectRules<string>();
  const others = new PathRules();
  const withoutUser = new PathRules();
  const alike = new Alike();
  for (const rule of rules) {
    sizes[rule.kind] += 1;
    steps += rule.steps;
    const keys = subjectOf(rule.conditions);
    if (keys === null) others.add(rule);
    else if (keys.by === 'service') services.add(keys, keys.values, rule);
    else {
      if (keys.by === 'user') users.add(keys, keys.values, rule);
      else groups.add(keys, keys.values, rule);
      if (countsWithoutUser(rule) && alike.isFirst(rule)) withoutUser.add(rule);
    }
  }
  const collectForUser = (user: KnownUser, view: View, into: RuleLists[]): void => {
    users.collect(user.id, view, into);
    if (users.bySubject.size > 0) users.collect(foldEmail(user.email), view, into);
    const mine = view.groupNumbers();
    if (mine.size <= groups.bySubject.size) {
      for (const number of mine) groups.collect(number, view, into);
    } else {
      for (const number of groups.bySubject.keys()) {
        if (mine.has(number)) groups.collect(number, view, into);
      }
    }
  };
  return {
    sizes,
    steps,
    collect: (view, into) => {
      others.collect(view.segments, into);
      if (view.service !== null) services.collect(view.service, view, into);
      if (view.user === null) withoutUser.collect(view.segments, into);
      else collectForUser(view.user, view, into);
    },
    collectForAnyUser: ({ segments }, into) => withoutUser.collect(segments, into),
  };
}

/** Rules by subject. Those with the very same list of subjects, as named conditions give it, share. */
class SubjectRules<Key> {
  readonly bySubject: Map<Key, PathRules[]> = new Map<Key, PathRules[]>();
  readonly #byKeys = new Map<ConditionKeys, PathRules>();

  add(keys: ConditionKeys, subjects: readonly Key[], rule: CompiledRule): void {
    let rules = this.#byKeys.get(keys);
    if (rules === undefined) {
      rules = new PathRules();
      this.#byKeys.set(keys, rules);
      for (const subject of new Set(subjects)) {
        const known = this.bySubject.get(subject);
        if (known === undefined) this.bySubject.set(subject, [rules]);
        else known.push(rules);
      }
    }
    rules.add(rule);
  }

  collect(subject: Key, { segments }: View, into: RuleLists[]): void {
    const found = this.bySubject.get(subject);
    if (found !== undefined) for (const rules of found) rules.collect(segments, into);
  }
}

/** The shortest list of subjects of which the rule wants one; null: it names none. */
function subjectOf(conditions: readonly Condition[]): SubjectKeys | null {
  let shortest: SubjectKeys | null = null;
  for (const { keys } of conditions) {
    if (keys === undefined || keys.by === 'path') continue;
    if (shortest === null || keys.values.length < shortest.values.length) shortest = keys;
  }
  return shortest;
}

/** A rule that cannot be unknown is pending or false without a user: that counts for allow alone. */
function countsWithoutUser({ kind, conditions }: CompiledRule): boolean {
  return kind === 'allow' || !conditions.every(({ sure }) => sure === true);
}

/**
 * Rules that differ in nothing but who the user must be come to the same without one, and only the
 * first of them is ever named. Step-up rules differ in what they require as well.
 */
class Alike {
  readonly #numbers = new Map<Condition, number>();
  readonly #seen = new Set<string>();

  isFirst({ kind, conditions }: CompiledRule): boolean {
    if (kind === 'stepUp') return true;
    const others = conditions.filter(({ keys }) => keys?.by !== 'user' && keys?.by !== 'group');
    const numbers = others.map((one) => this.#numberOf(one)).sort((left, right) => left - right);
    const words = `${kind} ${numbers.join(' ')}`;
    if (this.#seen.has(words)) return false;
    this.#seen.add(words);
    return true;
  }

  #numberOf(condition: Condition): number {
    const known = this.#numbers.get(condition) ?? this.#numbers.size;
    this.#numbers.set(condition, known);
    return known;
  }
}
