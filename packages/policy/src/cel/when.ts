import { riskChangesAtMs } from '../conditions/risk.ts';
import { complain, type Place } from '../read.ts';
import { RegexBudget } from '../regex-budget.ts';
import { type Truth, truthOf } from '../truth.ts';
import type { View } from '../view.ts';
import { type CompiledExpression, compileExpression } from './compile.ts';
import { aboutUser, type Root, timed, viewEnvironment } from './environment.ts';
import { type Evaluate, pending, type Result, unknown } from './values.ts';

/** How soon an expression that looks at the time is evaluated again. */
const timedForMs = 60_000;

export interface When {
  readonly holds: (view: View) => Truth;
  /** Given where time alone could change it. */
  readonly changesAtMs?: (view: View) => number;
  /** What it looks at, by the first word of each name. */
  readonly roots: ReadonlySet<Root>;
  /** Whether it looks at the user or the session. */
  readonly aboutUser: boolean;
  /** The first of the names that it looks at that is not known. */
  readonly missing: (view: View) => string | null;
  /** Steps that one evaluation may take at the most. */
  readonly steps: number;
}

/** Compiles an expression; null, and a problem with its place in the text, where it is not valid. */
export function compileWhen(
  text: string,
  place: Place,
  regexes: RegexBudget = new RegexBudget(),
): When | null {
  const compiled = compileExpression(text, viewEnvironment, regexes);
  if (!compiled.ok)
    return complain(place, `${lineAndColumn(text, compiled.at)}: ${compiled.problem}`);
  if (compiled.term.type.kind !== 'bool') {
    return complain(place, `must come to true or false, not to a ${compiled.term.type.kind}`);
  }
  const names = [...compiled.used];
  const roots = new Set(names.map((name) => name.split('.', 1)[0] as Root));
  const isTimed = names.some((name) => timed.has(name));
  return {
    holds: holder(compiled),
    ...changes(isTimed, roots.has('risk')),
    roots,
    aboutUser: names.some((name) => /^(?:user|session)\./.test(name) || aboutUser.has(name)),
    missing: (view) => firstMissing(names, view),
    steps: Math.ceil(compiled.term.cost),
  };
}

/** The earliest of what it looks at, where any of that changes with time. */
function changes(isTimed: boolean, onRisk: boolean): Pick<When, 'changesAtMs'> {
  const soon = ({ facts }: View) => facts.nowMs + timedForMs;
  if (isTimed && onRisk) {
    return { changesAtMs: (view) => Math.min(soon(view), riskChangesAtMs(view)) };
  }
  if (isTimed) return { changesAtMs: soon };
  return onRisk ? { changesAtMs: riskChangesAtMs } : {};
}

type Compiled = Extract<CompiledExpression<View>, { readonly ok: true }>;

function holder({ term: { evaluate } }: Compiled): (view: View) => Truth {
  return (view) => {
    const found = guarded(evaluate, view);
    if (found === pending) return 'pending';
    return found === unknown ? 'unknown' : truthOf(found === true);
  };
}

/**
 * Facts of another version may be of a shape that nobody thought of: that is a fact that cannot be
 * read, and a decision is made all the same.
 */
function guarded(evaluate: Evaluate<View>, view: View): Result {
  try {
    return evaluate(view);
  } catch {
    return unknown;
  }
}

function firstMissing(names: readonly string[], view: View): string | null {
  const isMissing = (name: string) => {
    const leaf = viewEnvironment.leaves.get(name);
    return leaf !== undefined && guarded(leaf.read, view) === unknown;
  };
  return names.find(isMissing) ?? null;
}

function lineAndColumn(text: string, at: number): string {
  const lines = text.slice(0, at).split('\n');
  return `line ${lines.length}, column ${(lines.at(-1) ?? '').length + 1}`;
}
