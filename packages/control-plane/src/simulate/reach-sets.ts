import {
  type CompiledPolicySet,
  compile,
  type NamedCondition,
  type Policy,
  type PolicySet,
  type RuleConditions,
} from '@sallyport/policy';

/** What a question about access leaves open, besides what only a request can tell. */
export interface Question {
  readonly subject: 'user' | 'service';
  readonly path: boolean;
  readonly method: boolean;
}

/**
 * A policy set without the conditions that nobody can answer yet, so that the decision core itself
 * says what the rest of them comes to.
 */
export interface ReachSet {
  /** Rules that let in as far as can be told, and those that deny whatever else holds. */
  readonly possible: CompiledPolicySet;
  /** Rules that deny where something else holds as well. */
  readonly denying: CompiledPolicySet;
  /** The conditions that were left out, by rule id. */
  readonly needs: ReadonlyMap<string, readonly string[]>;
  /** The host that stands for a route in both sets. */
  readonly hosts: ReadonlyMap<string, string>;
}

type Rule = RuleConditions & { readonly name: string };
type Field = keyof RuleConditions;

/** What no directory tells: how and from where somebody comes, and when. */
const open: readonly Field[] = [
  'device',
  'sourceNetworks',
  'countries',
  'asns',
  'egress',
  'time',
  'authentication',
  'risk',
  'headers',
  'when',
];
const conditionless: readonly string[] = ['name', 'anonymous', 'require'];
const always: RuleConditions = { paths: ['/**'] };

/** Takes out of a policy set what the question leaves open. */
export function reachSet(set: PolicySet, question: Question): ReachSet {
  const reducer = new Reducer(set, question);
  const hosts = new Map(set.routes.map(({ name }, at) => [name, `r${at}.reach.invalid`]));
  // Without monitor mode, and with one match for each: how it is reached is no question here.
  const routes = set.routes.map(({ name, policies, staleness }) => ({
    name,
    policies,
    ...(staleness === undefined ? {} : { staleness }),
    matches: [{ host: hosts.get(name) ?? '', path: '/**', methods: null }],
  }));
  const build = (rulesOf: (policy: Policy) => Pick<Policy, 'allow' | 'deny' | 'stepUp'>) =>
    compile({
      ...set,
      routes,
      policies: set.policies.map((policy) => ({
        ...policy,
        ...(policy.conditions === undefined
          ? {}
          : { conditions: policy.conditions.map((one) => reducer.reduce(one)) }),
        ...rulesOf(policy),
      })),
    });
  const isOpen = (policy: Policy) => (rule: Rule) => reducer.needs(policy.name, rule).length > 0;
  return {
    possible: build((policy) => ({
      allow: policy.allow
        .filter((rule) => reducer.concerns(policy.name, rule) || rule.anonymous === true)
        .map((rule) => reducer.reduce(rule)),
      deny: policy.deny.filter((rule) => !isOpen(policy)(rule)),
      stepUp: policy.stepUp.map((rule) => reducer.reduce(rule)),
    })),
    denying: build((policy) => ({
      allow: [],
      deny: policy.deny.filter(isOpen(policy)).map((rule) => reducer.reduce(rule)),
      stepUp: [],
    })),
    needs: reducer.allNeeds(set.policies),
    hosts,
  };
}

class Reducer {
  readonly #open: ReadonlySet<string>;
  readonly #subject: Question['subject'];
  readonly #named = new Map<string, { readonly policy: string; readonly body: NamedCondition }>();

  constructor(set: PolicySet, { subject, path, method }: Question) {
    this.#subject = subject;
    this.#open = new Set<string>([
      ...open,
      ...(path ? [] : ['paths', 'pathsMatching']),
      ...(method ? [] : ['methods']),
      // A user may sit at a device of a service; a service comes from none but its own.
      ...(subject === 'user' ? ['services'] : []),
    ]);
    for (const { name: policy, conditions = [] } of set.policies) {
      for (const body of conditions) this.#named.set(`${policy}/${body.name}`, { policy, body });
    }
  }

  /** Without what is open. What has no condition left holds always. */
  reduce<Given extends Rule & { readonly anonymous?: boolean }>(rule: Given): Given {
    const kept = Object.entries(rule).filter(([field]) => !this.#open.has(field));
    const bare = kept.every(([field]) => conditionless.includes(field));
    const reduced = Object.fromEntries(kept);
    return { ...reduced, ...(bare && rule.anonymous !== true ? always : {}) } as Given;
  }

  /** The open conditions of a rule, named ones included. */
  needs(policy: string, rule: Rule): readonly string[] {
    return [...this.#fieldsOf(policy, rule)].filter((field) => this.#open.has(field)).sort();
  }

  /** Whether an allow rule is about this kind of subject: one about services needs no user. */
  concerns(policy: string, rule: Rule): boolean {
    return this.#fieldsOf(policy, rule).has('services') === (this.#subject === 'service');
  }

  allNeeds(policies: readonly Policy[]): ReadonlyMap<string, readonly string[]> {
    const needs = new Map<string, readonly string[]>();
    for (const { name, allow, deny, stepUp } of policies) {
      for (const rule of allow) needs.set(`${name}/allow/${rule.name}`, this.needs(name, rule));
      for (const rule of deny) needs.set(`${name}/deny/${rule.name}`, this.needs(name, rule));
      for (const rule of stepUp) needs.set(`${name}/stepUp/${rule.name}`, this.needs(name, rule));
    }
    return needs;
  }

  /** Compiled sets have no circle among named conditions; each is looked into once all the same. */
  #fieldsOf(policy: string, rule: Rule): ReadonlySet<string> {
    const fields = new Set<string>();
    const seen = new Set<string>();
    const add = (where: string, conditions: Rule): void => {
      for (const field of Object.keys(conditions)) fields.add(field);
      for (const name of conditions.conditions ?? []) {
        const id = name.includes('/') ? name : `${where}/${name}`;
        const found = this.#named.get(id);
        if (found === undefined || seen.has(id)) continue;
        seen.add(id);
        add(found.policy, found.body);
      }
    };
    add(policy, rule);
    return fields;
  }
}
