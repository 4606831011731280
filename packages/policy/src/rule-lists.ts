import type { CompiledRule, CompiledStepUpRule } from './rules.ts';

/** Rules by kind, each list in the order of the rules' ids and without repetition. */
export interface RuleLists {
  readonly allow: readonly CompiledRule[];
  readonly deny: readonly CompiledRule[];
  readonly stepUp: readonly CompiledStepUpRule[];
}

/** Lists that grow while a policy set is compiled; rules come in the order of their ids. */
export class GrowingLists implements RuleLists {
  readonly allow: CompiledRule[] = [];
  readonly deny: CompiledRule[] = [];
  readonly stepUp: CompiledStepUpRule[] = [];

  add(rule: CompiledRule | CompiledStepUpRule): void {
    if ('requirement' in rule) this.stepUp.push(rule);
    else this[rule.kind === 'deny' ? 'deny' : 'allow'].push(rule);
  }
}

/** One list of several, in order and without repetition. */
export function mergeRules<Rule extends CompiledRule>(
  lists: readonly (readonly Rule[])[],
): readonly Rule[] {
  let only: readonly Rule[] = [];
  let all: Rule[] | null = null;
  for (const list of lists) {
    if (list.length === 0) continue;
    if (only.length === 0) only = list;
    else {
      all ??= [...only];
      for (const rule of list) all.push(rule);
    }
  }
  if (all === null) return only;
  const sorted = all.sort((left, right) => left.order - right.order);
  return sorted.filter((rule, index) => rule !== sorted[index - 1]);
}
