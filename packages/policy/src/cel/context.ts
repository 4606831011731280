import type { RegexBudget } from '../regex-budget.ts';
import type { Node } from './syntax.ts';
import { type CelType, Refusal, type Size, type Term } from './types.ts';
import type { Evaluate, Value } from './values.ts';

/** A variable: `user.email` is one, and `user` alone is none. */
export interface Leaf<Input> {
  readonly type: CelType;
  /** Checked by `read`: what is larger is unknown. */
  readonly size: Size;
  readonly read: Evaluate<Input>;
}

/** A function of the environment's own, called as `device.postureIs("name")` on literals. */
export interface Method<Input> {
  readonly parameters: readonly CelType[];
  /** Null where the arguments mean nothing. */
  readonly bind: (arguments_: readonly Value[]) => Leaf<Input> | null;
  /** What the arguments must be, for the administrator. */
  readonly wants: string;
  /** Steps that a call may take at the most. */
  readonly cost: number;
}

/** All that an expression can look at, by dotted name. Nothing else has a name. */
export interface CelEnvironment<Input> {
  readonly leaves: ReadonlyMap<string, Leaf<Input>>;
  readonly methods: ReadonlyMap<string, Method<Input>>;
}

/** What is known while a part of an expression is compiled. */
export interface Context<Input> {
  readonly environment: CelEnvironment<Input>;
  /** Dotted names that the expression has used so far. */
  readonly used: Set<string>;
  /** What the regular expressions of the set may take together. */
  readonly regexes: RegexBudget;
  /** Variables of the macros around this part. */
  readonly variables: ReadonlyMap<string, Term<Input>>;
  readonly compile: (node: Node, context: Context<Input>) => Term<Input>;
}

/** `user.email` for such a chain of names that begins in the environment; else null. */
export function dottedName<Input>(node: Node, context: Context<Input>): string | null {
  if (node.kind === 'name') return context.variables.has(node.name) ? null : node.name;
  if (node.kind !== 'select') return null;
  const before = dottedName(node.of, context);
  return before === null ? null : `${before}.${node.field}`;
}

/** The variable of this name. Throws a Refusal that tells what there is. */
export function leafNamed<Input>(name: string, at: number, context: Context<Input>): Leaf<Input> {
  const leaf = context.environment.leaves.get(name);
  if (leaf === undefined) throw new Refusal(whatThereIs(name, context), at);
  context.used.add(name);
  return leaf;
}

function whatThereIs<Input>(name: string, { environment, variables }: Context<Input>): string {
  const names = [...environment.leaves.keys(), ...environment.methods.keys()];
  const below = names.filter((known) => known.startsWith(`${name}.`));
  if (below.length > 0) return `${name} is no value: name a part of it: ${below.join(', ')}`;
  const group = name.slice(0, name.lastIndexOf('.') + 1);
  const beside = group === '' ? [] : names.filter((known) => known.startsWith(group));
  const roots = new Set(names.map((known) => known.split('.', 1)[0] ?? known));
  const choice = beside.length > 0 ? beside : [...variables.keys(), ...roots];
  return `there is no ${name}; there is ${choice.join(', ')}`;
}
