import { type Context, dottedName, leafNamed } from './context.ts';
import { mustBeBool } from './logic.ts';
import { existsOne, filter, type Loop, map, quantifier } from './loops.ts';
import type { Call, Node } from './syntax.ts';
import {
  bool,
  type CelType,
  listOf,
  nameOf,
  Refusal,
  type Size,
  small,
  type Term,
  weightOf,
} from './types.ts';
import { pending, type Result, unknown, type Value } from './values.ts';

const loops: ReadonlyMap<string, { readonly loop: Loop; readonly gives: 'bool' | 'list' | 'map' }> =
  new Map([
    ['all', { loop: quantifier(false), gives: 'bool' }],
    ['exists', { loop: quantifier(true), gives: 'bool' }],
    ['exists_one', { loop: existsOne, gives: 'bool' }],
    ['filter', { loop: filter, gives: 'list' }],
    ['map', { loop: map, gives: 'map' }],
  ]);

/** Compiles the call where it is one of a macro; null where it is not. */
export function macro<Input>(call: Call, context: Context<Input>): Term<Input> | null {
  if (call.name === 'has' && call.target === null) return has(call, context);
  const known = loops.get(call.name);
  if (known === undefined || call.target === null) return null;
  const [variable, ...bodies] = call.arguments;
  const bodiesMax = known.gives === 'map' ? 2 : 1;
  if (variable?.kind !== 'name' || bodies.length < 1 || bodies.length > bodiesMax) {
    throw new Refusal(`${call.name} takes a name and what to ask of each entry`, call.at);
  }
  return over(context.compile(call.target, context), variable.name, bodies, call, context);
}

function over<Input>(
  list: Term<Input>,
  name: string,
  nodes: readonly Node[],
  call: Call,
  context: Context<Input>,
): Term<Input> {
  const known = loops.get(call.name);
  const of = list.type.kind === 'list' ? list.type.of : null;
  if (known === undefined || of === null) {
    throw new Refusal(`${call.name} takes a list of something, not ${nameOf(list.type)}`, call.at);
  }
  mustBeFree(name, call.at, context);
  const { entry, step } = variableOf<Input>(of, list.size.entry ?? small);
  const within = { ...context, variables: new Map([...context.variables, [name, entry]]) };
  const bodies = nodes.map((node) => context.compile(node, within));
  bodies.forEach((body, at) => {
    const isQuestion = known.gives !== 'map' || at < bodies.length - 1;
    if (isQuestion) mustBeBool(body, call.at, `${call.name} asks for`);
  });
  const last = bodies.at(-1) ?? entry;
  const each = bodies.reduce((sum, body) => sum + body.cost, 1);
  return {
    ...shapeOf(known.gives, list, last),
    cost: list.cost + 1 + list.size.length * each,
    evaluate: known.loop(
      list.evaluate,
      step,
      bodies.map(({ evaluate }) => evaluate),
    ),
    constant: undefined,
  };
}

function shapeOf<Input>(
  gives: 'bool' | 'list' | 'map',
  list: Term<Input>,
  last: Term<Input>,
): { readonly type: CelType; readonly size: Size } {
  if (gives === 'bool') return { type: bool, size: small };
  if (gives === 'list') return { type: list.type, size: list.size };
  return { type: listOf(last.type), size: { length: list.size.length, entry: last.size } };
}

/** A name that hid another would make the rule mean something else than it seems to. */
function mustBeFree<Input>(name: string, at: number, context: Context<Input>): void {
  const { leaves, methods } = context.environment;
  const roots = [...leaves.keys(), ...methods.keys()].map((known) => known.split('.', 1)[0]);
  if (!context.variables.has(name) && !roots.includes(name)) return;
  throw new Refusal(`${name} already means something here: take another name`, at);
}

/**
 * The variable of a macro. It is one place in memory and not an argument: an expression runs to its
 * end without a break, and no part of it runs within itself.
 */
function variableOf<Input>(
  type: CelType,
  size: Size,
): { readonly entry: Term<Input>; readonly step: (value: Value) => void } {
  let current: Result = unknown;
  return {
    entry: { type, size, cost: 0, evaluate: () => current, constant: undefined },
    step: (value) => {
      current = fits(value, type, size) ? value : unknown;
    },
  };
}

/** Entries of lists that came with the facts are looked at here for the first time. */
function fits(value: Value, type: CelType, size: Size): boolean {
  switch (type.kind) {
    case 'string':
      return typeof value === 'string' && value.length <= size.length;
    case 'bool':
      return typeof value === 'boolean';
    case 'list':
      return Array.isArray(value) && weightOf(size) >= value.length;
    case 'int':
    case 'double':
    case 'timestamp':
    case 'duration':
      return typeof value === 'number';
    default:
      return type satisfies never;
  }
}

/** `has(place.country)`: whether it is known. */
function has<Input>(call: Call, context: Context<Input>): Term<Input> {
  const [of] = call.arguments;
  const name = of === undefined || call.arguments.length > 1 ? null : dottedName(of, context);
  if (name === null) throw new Refusal('has takes a variable such as place.country', call.at);
  const { read } = leafNamed(name, call.at, context);
  return {
    type: bool,
    size: small,
    cost: 1,
    evaluate: (input) => {
      const found = read(input);
      return found === pending ? pending : found !== unknown;
    },
    constant: undefined,
  };
}
