import { addition, product, subtraction } from './arithmetic.ts';
import { equality, membership, order } from './comparison.ts';
import { both, type Operation } from './operation.ts';
import type { Binary } from './syntax.ts';
import { nameOf, Refusal, small, type Term } from './types.ts';

/** `left operator right`. Throws a Refusal where the types do not fit. */
export function binary<Input>(node: Binary, left: Term<Input>, right: Term<Input>): Term<Input> {
  const operation = operationOf(node, left, right);
  if (operation === null) {
    const types = `${nameOf(left.type)} ${node.operator} ${nameOf(right.type)}`;
    throw new Refusal(`there is no ${types}`, node.at);
  }
  return {
    type: operation.type,
    size: operation.size ?? small,
    cost: left.cost + right.cost + (operation.cost ?? 1),
    evaluate: both(left, right, operation.apply),
    constant: undefined,
  };
}

function operationOf<Input>(
  { operator, at }: Binary,
  left: Term<Input>,
  right: Term<Input>,
): Operation | null {
  switch (operator) {
    case '==':
    case '!=':
      return equality(operator === '==', left, right);
    case 'in':
      return membership(left, right);
    case '<':
    case '<=':
    case '>':
    case '>=':
      return order(operator, left, right);
    case '+':
      return addition(left, right, at);
    case '-':
      return subtraction(left.type, right.type);
    case '*':
    case '/':
    case '%':
      return product(operator, left.type, right.type);
    default:
      return operator satisfies never;
  }
}
