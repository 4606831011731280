import { wholeRuleId } from '../tests/outcome.ts';
import { testsOf } from '../tests/placed.ts';
import type { LintFinding } from './finding.ts';
import { type Subject, wholeName } from './rules.ts';

/** Policies that no route and no setting names. */
export function unusedPolicies({ policies, routes, everywhere }: Subject): LintFinding[] {
  const used = new Set([...everywhere, ...routes.flatMap(({ spec }) => spec.policies)]);
  return policies
    .filter(({ metadata, spec }) => {
      const rules = [spec.allow, spec.deny, spec.stepUp].flatMap((list) => list ?? []);
      // One of conditions alone is there for others to name.
      return rules.length > 0 && !used.has(metadata.name);
    })
    .map(({ metadata }) => ({
      code: 'policy_unused',
      document: `Policy/${metadata.name}`,
      path: '/metadata/name',
      message: 'holds for no route: name it in a route, or in the settings for all',
    }));
}

/** Conditions that no rule names, directly or through others. */
export function unusedConditions(subject: Subject): LintFinding[] {
  const used = new Set<string>();
  for (const { metadata, spec } of subject.policies) {
    const all = [spec.allow, spec.deny, spec.stepUp, spec.conditions].flatMap((list) => list ?? []);
    for (const name of all.flatMap((one) => one.conditions ?? [])) {
      used.add(wholeName(name, metadata.name));
    }
  }
  return subject.policies.flatMap(({ metadata, spec }) =>
    (spec.conditions ?? []).flatMap(({ name }, index) =>
      used.has(`${metadata.name}/${name}`)
        ? []
        : [
            {
              code: 'condition_unused' as const,
              document: `Policy/${metadata.name}`,
              path: `/spec/conditions/${index}`,
              message: `no rule names the condition ${name}`,
            },
          ],
    ),
  );
}

/** Policies with rules of which no test of any document speaks. */
export function untested({ documents, policies }: Subject): LintFinding[] {
  const tested = new Set<string>();
  for (const { document, policy, test } of testsOf(documents)) {
    tested.add(document);
    const { rule } = test.expect;
    if (rule !== undefined) tested.add(`Policy/${wholeRuleId(rule, policy).split('/')[0]}`);
  }
  return policies.flatMap(({ metadata, spec }) => {
    const document = `Policy/${metadata.name}`;
    const rules = [spec.allow, spec.deny, spec.stepUp].flatMap((list) => list ?? []);
    if (rules.length === 0 || tested.has(document)) return [];
    const message = 'has rules and no tests: nothing would notice a change of what they mean';
    return [{ code: 'tests_missing' as const, document, path: '/spec/tests', message }];
  });
}
