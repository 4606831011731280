import type { ConfigurationDocument, PolicyDocument, RouteDocument } from '../documents.ts';
import { ofKind, type RuleKind, ruleId, ruleKinds } from '../names.ts';

type Spec = PolicyDocument['spec'];
/** The fields that a rule and a named condition have in common. */
export type Conditions = NonNullable<Spec['conditions']>[number];
export type AnyRule = Conditions & {
  readonly anonymous?: true;
  readonly require?: NonNullable<Spec['stepUp']>[number]['require'];
};

/** A rule and where it stands. */
export interface PlacedRule {
  readonly id: string;
  readonly kind: RuleKind;
  readonly policy: string;
  readonly document: string;
  readonly path: string;
  readonly rule: AnyRule;
}

/** What lint looks at, indexed once. */
export interface Subject {
  readonly documents: readonly ConfigurationDocument[];
  readonly routes: readonly RouteDocument[];
  readonly policies: readonly PolicyDocument[];
  readonly rules: readonly PlacedRule[];
  /** Policies that hold for every route. */
  readonly everywhere: ReadonlySet<string>;
  /** The routes that a policy holds for. */
  routesOf(policy: string): readonly RouteDocument[];
  /** The rule's own conditions and those that it names, however far. */
  conditionsOf(rule: Conditions, policy: string): readonly Conditions[];
}

/** Indexes documents for lint. */
export function subjectOf(documents: readonly ConfigurationDocument[]): Subject {
  const routes = ofKind(documents, 'Route');
  const policies = ofKind(documents, 'Policy');
  const everywhere = new Set(
    ofKind(documents, 'Settings').flatMap(({ spec }) => spec.policies ?? []),
  );
  const byPolicy = new Map<string, RouteDocument[]>();
  for (const route of routes) {
    for (const policy of route.spec.policies) {
      byPolicy.set(policy, [...(byPolicy.get(policy) ?? []), route]);
    }
  }
  const named = new Map(
    policies.flatMap(({ metadata, spec }) =>
      (spec.conditions ?? []).map((one) => [`${metadata.name}/${one.name}`, one] as const),
    ),
  );
  return {
    documents,
    routes,
    policies,
    rules: policies.flatMap(rulesOf),
    everywhere,
    routesOf: (policy) => (everywhere.has(policy) ? routes : (byPolicy.get(policy) ?? [])),
    conditionsOf: (rule, policy) => [rule, ...namedBy(rule, policy, named, new Set())],
  };
}

/** `policy/name` of a condition that a rule of this policy names. */
export function wholeName(name: string, policy: string): string {
  return name.includes('/') ? name : `${policy}/${name}`;
}

function rulesOf({ metadata: { name }, spec }: PolicyDocument): PlacedRule[] {
  return ruleKinds.flatMap((kind) =>
    ((spec[kind] ?? []) as readonly AnyRule[]).map((rule, index) => ({
      id: ruleId(name, kind, rule.name),
      kind,
      policy: name,
      document: `Policy/${name}`,
      path: `/spec/${kind}/${index}`,
      rule,
    })),
  );
}

/** `seen`: each counts once, also where they go round in a circle. */
function namedBy(
  rule: Conditions,
  policy: string,
  named: ReadonlyMap<string, Conditions>,
  seen: Set<string>,
): Conditions[] {
  return (rule.conditions ?? []).flatMap((name) => {
    const whole = wholeName(name, policy);
    const found = named.get(whole);
    if (found === undefined || seen.has(whole)) return [];
    seen.add(whole);
    return [found, ...namedBy(found, whole.split('/')[0] ?? policy, named, seen)];
  });
}
