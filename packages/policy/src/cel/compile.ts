import { RegexBudget } from '../regex-budget.ts';
import { type CelEnvironment, type Context, dottedName, leafNamed } from './context.ts';
import { callFunction } from './functions.ts';
import { choice, logic, unary } from './logic.ts';
import { macro } from './macros.ts';
import { binary } from './operators.ts';
import { type Call, type Literal, type Node, parse } from './syntax.ts';
import {
  bool,
  common,
  double,
  int,
  larger,
  listOf,
  nameOf,
  Refusal,
  type Size,
  small,
  string,
  type Term,
} from './types.ts';
import { type Evaluate, type Failure, isFailure, unknown, type Value, worse } from './values.ts';

export type CompiledExpression<Input> =
  | {
      readonly ok: true;
      readonly term: Term<Input>;
      /** Dotted names of the environment that it looks at. */
      readonly used: ReadonlySet<string>;
    }
  /** What is wrong, and at which character of the text. */
  | { readonly ok: false; readonly problem: string; readonly at: number };

/** Steps that one evaluation may take at the most: some tens of nanoseconds each. */
const costMax = 10_000;

/**
 * Parses and type-checks an expression, and bounds what its evaluation may cost, all before it is
 * ever evaluated.
 */
export function compileExpression<Input>(
  text: string,
  environment: CelEnvironment<Input>,
  regexes: RegexBudget = new RegexBudget(),
): CompiledExpression<Input> {
  const used = new Set<string>();
  try {
    const term = compileNode(parse(text), {
      environment,
      used,
      regexes,
      variables: new Map(),
      compile: compileNode,
    });
    if (term.cost > costMax) {
      const problem = `could take ${Math.ceil(term.cost)} steps, and ${costMax} is the most`;
      return { ok: false, problem, at: 0 };
    }
    return { ok: true, term, used };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, problem: error.message, at: error.at };
    throw error;
  }
}

function compileNode<Input>(node: Node, context: Context<Input>): Term<Input> {
  const compile = (of: Node) => compileNode(of, context);
  const part = (of: Node) => ({ term: compile(of), at: of.at });
  switch (node.kind) {
    case 'literal':
      return literal(node.value);
    case 'name':
    case 'select':
      return variable(node, context);
    case 'index':
      return index(compile(node.of), compile(node.index), node.at);
    case 'call':
      return call(node, context);
    case 'list':
      return list(node.entries.map(compile), node.at);
    case 'unary':
      return unary(node, compile(node.of));
    case 'binary':
      return binary(node, compile(node.left), compile(node.right));
    case 'logic':
      return logic(node.operator, node.parts.map(part));
    case 'choice':
      return choice(part(node.condition), part(node.yes), part(node.no));
    default:
      return node satisfies never;
  }
}

function literal<Input>({ type, value }: Literal): Term<Input> {
  const types = { bool, int, double, string } as const;
  const size = typeof value === 'string' ? { length: value.length, entry: null } : small;
  return { type: types[type], size, cost: 0, evaluate: () => value, constant: value };
}

/** A variable of a macro, or one of the environment: its name is looked up once, here. */
function variable<Input>(node: Node, context: Context<Input>): Term<Input> {
  if (node.kind === 'name') {
    const own = context.variables.get(node.name);
    if (own !== undefined) return own;
  }
  const name = dottedName(node, context);
  if (name === null)
    throw new Refusal('has no parts: only variables such as user.email do', node.at);
  const { type, size, read } = leafNamed(name, node.at, context);
  return { type, size, cost: 1, evaluate: read, constant: undefined };
}

function call<Input>(node: Call, context: Context<Input>): Term<Input> {
  return (
    method(node, context) ??
    macro(node, context) ??
    callFunction(
      node,
      node.target === null ? null : compileNode(node.target, context),
      node.arguments.map((part) => compileNode(part, context)),
      context.regexes,
    )
  );
}

/** A function of the environment's own; null where it is none. */
function method<Input>(node: Call, context: Context<Input>): Term<Input> | null {
  const root = node.target === null ? null : dottedName(node.target, context);
  const name = `${root ?? ''}.${node.name}`;
  const known = root === null ? undefined : context.environment.methods.get(name);
  if (known === undefined) return null;
  const terms = node.arguments.map((part) => compileNode(part, context));
  const values = terms.flatMap(({ constant }) => (constant === undefined ? [] : [constant]));
  const fits =
    values.length === known.parameters.length &&
    known.parameters.every(({ kind }, at) => terms[at]?.type.kind === kind);
  const leaf = fits ? known.bind(values) : null;
  if (leaf === null) throw new Refusal(`${name} needs ${known.wants}, as a literal`, node.at);
  context.used.add(name);
  const { type, size, read } = leaf;
  return { type, size, cost: known.cost, evaluate: read, constant: undefined };
}

function list<Input>(terms: readonly Term<Input>[], at: number): Term<Input> {
  let of = terms[0]?.type ?? null;
  let entry: Size | null = terms[0]?.size ?? null;
  for (const term of terms.slice(1)) {
    const both = of === null ? null : common(of, term.type);
    if (of === null || both === null) {
      throw new Refusal(`has both ${of === null ? '' : nameOf(of)} and ${nameOf(term.type)}`, at);
    }
    of = both;
    entry = entry === null ? term.size : larger(entry, term.size);
  }
  const values = terms.flatMap(({ constant }) => (constant === undefined ? [] : [constant]));
  const constant = values.length === terms.length ? Object.freeze(values) : undefined;
  return {
    type: listOf(of),
    size: { length: terms.length, entry },
    cost: constant === undefined ? terms.reduce((sum, { cost }) => sum + cost, 1) : 0,
    evaluate:
      constant === undefined ? gather(terms.map(({ evaluate }) => evaluate)) : () => constant,
    constant,
  };
}

function gather<Input>(evaluators: readonly Evaluate<Input>[]): Evaluate<Input> {
  return (input) => {
    const values: Value[] = [];
    let failure: Failure | null = null;
    for (const evaluate of evaluators) {
      const found = evaluate(input);
      if (isFailure(found)) failure = worse(failure ?? found, found);
      else values.push(found);
    }
    return failure ?? values;
  };
}

function index<Input>(of: Term<Input>, at: Term<Input>, position: number): Term<Input> {
  if (of.type.kind !== 'list' || of.type.of === null || at.type.kind !== 'int') {
    const types = `${nameOf(of.type)}[${nameOf(at.type)}]`;
    throw new Refusal(`there is no ${types}`, position);
  }
  const list = of.evaluate;
  const place = at.evaluate;
  return {
    type: of.type.of,
    size: of.size.entry ?? small,
    cost: of.cost + at.cost + 1,
    evaluate: (input) => {
      const values = list(input);
      const number = place(input);
      if (isFailure(values) || isFailure(number)) return worse(values, number);
      return (values as readonly Value[])[number as number] ?? unknown;
    },
    constant: undefined,
  };
}
