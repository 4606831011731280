import type { Node } from './syntax.ts';
import { bool, common, double, int, larger, nameOf, Refusal, small, type Term } from './types.ts';
import { exact, isFailure, type Result, worse } from './values.ts';

/**
 * `a && b && c`, `a || b || c`: the order of the parts never matters. One that is false (true)
 * decides, whatever the others come to; then unknown; then pending.
 */
export function logic<Input>(operator: '&&' | '||', parts: readonly Part<Input>[]): Term<Input> {
  const decides = operator === '||';
  for (const { term, at } of parts) mustBeBool(term, at, `${operator} takes`);
  const evaluators = parts.map(({ term }) => term.evaluate);
  return {
    type: bool,
    size: small,
    cost: parts.reduce((sum, { term }) => sum + term.cost, 0) + parts.length,
    evaluate: (input) => {
      let value: Result = !decides;
      for (const evaluate of evaluators) {
        const found = evaluate(input);
        if (found === decides) return decides;
        if (isFailure(found)) value = worse(value, found);
      }
      return value;
    },
    constant: undefined,
  };
}

export interface Part<Input> {
  readonly term: Term<Input>;
  readonly at: number;
}

/** Throws a Refusal where it is anything else. */
export function mustBeBool<Input>(term: Term<Input>, at: number, who: string): void {
  if (term.type.kind === 'bool') return;
  throw new Refusal(`${who} bool, and this is ${nameOf(term.type)}`, at);
}

/** `if ? then : else`. Only the branch that is taken is evaluated. */
export function choice<Input>(
  condition: Part<Input>,
  then: Part<Input>,
  otherwise: Part<Input>,
): Term<Input> {
  mustBeBool(condition.term, condition.at, '?: takes');
  const type = common(then.term.type, otherwise.term.type);
  if (type === null) {
    const types = `${nameOf(then.term.type)} and ${nameOf(otherwise.term.type)}`;
    throw new Refusal(`?: cannot come to either ${types}`, otherwise.at);
  }
  const decide = condition.term.evaluate;
  const yes = then.term.evaluate;
  const no = otherwise.term.evaluate;
  return {
    type,
    size: larger(then.term.size, otherwise.term.size),
    cost: condition.term.cost + Math.max(then.term.cost, otherwise.term.cost) + 1,
    evaluate: (input) => {
      const found = decide(input);
      if (isFailure(found)) return found;
      return found === true ? yes(input) : no(input);
    },
    constant: undefined,
  };
}

/** `!a`, `-a`. */
export function unary<Input>(node: Extract<Node, { kind: 'unary' }>, of: Term<Input>): Term<Input> {
  const { evaluate, constant } = of;
  const rest = { size: small, cost: of.cost + 1 };
  if (node.operator === '!') {
    mustBeBool(of, node.at, '! takes');
    return {
      ...rest,
      type: bool,
      evaluate: (input) => {
        const found = evaluate(input);
        return isFailure(found) ? found : found !== true;
      },
      constant: undefined,
    };
  }
  if (of.type.kind !== 'int' && of.type.kind !== 'double') {
    throw new Refusal(`there is no -${nameOf(of.type)}`, node.at);
  }
  return {
    ...rest,
    type: of.type.kind === 'int' ? int : double,
    evaluate: (input) => {
      const found = evaluate(input);
      return typeof found === 'number' ? exactIf(of.type.kind === 'int', 0 - found) : found;
    },
    constant: typeof constant === 'number' ? 0 - constant : undefined,
  };
}

function exactIf(whole: boolean, value: number): Result {
  return whole ? exact(value) : value;
}
