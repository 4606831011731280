import type { LintFinding } from './finding.ts';
import type { Conditions, PlacedRule, Subject } from './rules.ts';

const reading = ['read', 'readonly', 'reader', 'readers', 'get', 'view', 'viewer', 'viewers'];
const readMethods = ['GET', 'HEAD', 'OPTIONS'];

/** Rules that let in, or refuse, more than their name says. */
export function widerThanNames(subject: Subject): LintFinding[] {
  const groups = groupWords(subject);
  return subject.rules.flatMap((rule) => {
    const all = subject.conditionsOf(rule.rule, rule.policy);
    const words = rule.rule.name.split('-');
    const messages = [
      ...writes(rule, words, all),
      ...only(rule, words),
      ...missingGroups(rule, words, all, groups),
    ];
    return messages.map((message) => ({
      code: 'wider_than_its_name' as const,
      document: rule.document,
      path: `${rule.path}/name`,
      message,
    }));
  });
}

function writes(
  { kind }: PlacedRule,
  words: readonly string[],
  all: readonly Conditions[],
): string[] {
  const word = words.find((one) => reading.includes(one));
  if (kind !== 'allow' || word === undefined || all.some(mentions('method'))) return [];
  const lists = all.flatMap(({ methods }) => (methods === undefined ? [] : [methods]));
  if (lists.length === 0)
    return [`says ${word} and allows every method: give it methods: [GET, HEAD]`];
  const allowed = (lists[0] ?? []).filter((method) => lists.every((list) => list.includes(method)));
  const writing = allowed.filter((method) => !readMethods.includes(method));
  return writing.length === 0 ? [] : [`says ${word} and allows ${writing.join(', ')}`];
}

/** An allow rule adds to what others let in. */
function only({ kind }: PlacedRule, words: readonly string[]): string[] {
  if (kind !== 'allow' || !words.includes('only')) return [];
  return [
    'says only, and an allow rule keeps nobody out: other rules may let them in. Use deny for that',
  ];
}

/** A name that speaks of a group that other rules know, in a rule that does not. */
function missingGroups(
  { rule }: PlacedRule,
  words: readonly string[],
  all: readonly Conditions[],
  groups: ReadonlyMap<string, string>,
): string[] {
  if (rule.anonymous === true || all.some(mentions('group'))) return [];
  const named = new Set(all.flatMap((one) => one.groups ?? []));
  const people = all.some(({ users, services, employment }) => users ?? services ?? employment);
  // One of the words is enough: "contractors-of-sales" is about contractors in some sales group.
  const meant = words.flatMap((word) => groups.get(word) ?? []);
  if (meant.length === 0 || people || meant.some((group) => named.has(group))) return [];
  return [`names the group ${meant[0]}, which is not among its groups`];
}

/** Whether an expression may ask for it in its own way. */
function mentions(what: 'method' | 'group'): (conditions: Conditions) => boolean {
  return ({ when }) => when?.includes(what) === true;
}

/** Groups of all rules by the word that stands for them in names. */
function groupWords({ policies }: Subject): ReadonlyMap<string, string> {
  const words = new Map<string, string>();
  for (const { spec } of policies) {
    const lists = [spec.allow, spec.deny, spec.stepUp, spec.conditions];
    for (const group of lists.flatMap((list) => list ?? []).flatMap((one) => one.groups ?? [])) {
      words.set(group.toLowerCase(), group);
    }
  }
  return words;
}
