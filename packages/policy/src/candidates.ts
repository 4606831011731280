import type { RuleKind } from './conditions/condition.ts';
import type { RuleIndex } from './rule-index.ts';
import { mergeRules, type RuleLists } from './rule-lists.ts';
import type { CompiledRule } from './rules.ts';
import type { TraceStep } from './trace.ts';
import type { View } from './view.ts';

/** Of the rules that fail for the user alone, how many are asked why. */
const nearMissesMax = 64;

const kinds = ['deny', 'allow', 'stepUp'] as const;

/**
 * The rules of a route that could apply to one request: all the others are false, or come to
 * nothing because nobody is signed in. Lives for one decision.
 */
export class Candidates {
  readonly #indexes: readonly RuleIndex[];
  readonly #view: View;
  readonly #lists: RuleLists[] = [];
  readonly #merged: { -readonly [Kind in RuleKind]?: RuleLists[Kind] } = {};

  constructor(indexes: readonly RuleIndex[], view: View) {
    this.#indexes = indexes;
    this.#view = view;
    for (const index of indexes) index.collect(view, this.#lists);
  }

  /** Those of one kind, in the order of their ids. */
  of<Kind extends RuleKind>(kind: Kind): RuleLists[Kind] {
    const merged: { [One in RuleKind]?: RuleLists[One] } = this.#merged;
    const known: RuleLists[Kind] | undefined = merged[kind];
    if (known !== undefined) return known;
    const made = mergeRules(this.#lists.map((lists) => lists[kind])) as RuleLists[Kind];
    merged[kind] = made;
    return made;
  }

  /** Tells how many rules of a kind are looked at, and how many need not be. */
  trace(kind: RuleKind, trace: TraceStep[] | null): void {
    if (trace === null) return;
    const candidates = this.of(kind).length;
    const all = this.#indexes.reduce((sum, { sizes }) => sum + sizes[kind], 0);
    trace.push({ step: 'index', kind, candidates, ruledOut: all - candidates });
  }

  /**
   * Allow rules that are about other users, the first few by id. They tell somebody that another
   * account or group would do.
   */
  nearMisses(): readonly CompiledRule[] {
    const candidates = new Set<CompiledRule>(this.of('allow'));
    const lists: RuleLists[] = [];
    for (const index of this.#indexes) index.collectForAnyUser(this.#view, lists);
    const most = nearMissesMax + candidates.size;
    return mergeRules(lists.map(({ allow }) => allow.slice(0, most)))
      .filter((rule) => !candidates.has(rule))
      .slice(0, nearMissesMax);
  }

  /**
   * The first instant at which time alone could change what a rule comes to. A rule that is false
   * for something that time does not change stays so. Where no time can be told that is at once.
   */
  changesAtMs(): number {
    let first = Number.MAX_SAFE_INTEGER;
    for (const kind of kinds) {
      for (const rule of this.of(kind)) {
        if (rule.timed.length === 0 || isFalseForGood(rule, this.#view)) continue;
        for (const changesAtMs of rule.timed) first = Math.min(first, changesAtMs(this.#view));
      }
    }
    return Number.isNaN(first) ? 0 : first;
  }
}

function isFalseForGood({ conditions }: CompiledRule, view: View): boolean {
  return conditions.some(
    ({ changesAtMs, holds }) => changesAtMs === undefined && holds(view) === 'false',
  );
}
