import { type ASTNode, Environment, ParseError } from '@marcbachmann/cel-js';
import { Refusal } from './types.ts';

/**
 * From text to a tree of our own. The one file that knows the parser: only what stands here reaches
 * the rest, so an expression of a kind that we do not know is refused and never evaluated in part.
 */
export type Node = { readonly at: number } & (
  | { readonly kind: 'literal'; readonly value: Literal }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'select'; readonly of: Node; readonly field: string }
  | { readonly kind: 'index'; readonly of: Node; readonly index: Node }
  | Call
  | { readonly kind: 'list'; readonly entries: readonly Node[] }
  | { readonly kind: 'unary'; readonly operator: '!' | '-'; readonly of: Node }
  | Binary
  | { readonly kind: 'logic'; readonly operator: '&&' | '||'; readonly parts: readonly Node[] }
  | { readonly kind: 'choice'; readonly condition: Node; readonly yes: Node; readonly no: Node }
);

export interface Call {
  readonly kind: 'call';
  readonly at: number;
  readonly name: string;
  /** What stands before the dot. */
  readonly target: Node | null;
  readonly arguments: readonly Node[];
}

export interface Binary {
  readonly kind: 'binary';
  readonly at: number;
  readonly operator: BinaryOperator;
  readonly left: Node;
  readonly right: Node;
}

export type BinaryOperator =
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'in'
  | '+'
  | '-'
  | '*'
  | '/'
  | '%';

export type Literal =
  | { readonly type: 'int' | 'double'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'bool'; readonly value: boolean };

const textLengthMax = 4096;
/** Nobody can read deeper. */
const depthMax = 40;

/** Only its parser is used: nothing is registered in it, and it evaluates nothing. */
const language = new Environment({
  limits: {
    maxAstNodes: 2000,
    maxDepth: depthMax,
    maxListElements: 500,
    maxMapEntries: 1,
    maxCallArguments: 4,
  },
});

/** Parses an expression. Throws a Refusal where it is none, or is larger than anyone can read. */
export function parse(text: string): Node {
  if (text.length > textLengthMax) {
    throw new Refusal(`is longer than ${textLengthMax} characters`, textLengthMax);
  }
  return convert(parseText(text), 0);
}

function parseText(text: string): ASTNode {
  try {
    return language.parse(text).ast;
  } catch (error) {
    if (error instanceof ParseError) throw new Refusal(error.summary, error.range?.start ?? 0);
    // A stack that ran out, or a fault of the parser: either way there is no expression.
    throw new Refusal('cannot be parsed', 0);
  }
}

function convert(node: ASTNode, depth: number): Node {
  const at = node.pos;
  if (depth > depthMax) throw new Refusal(`is nested deeper than ${depthMax}`, at);
  const below = (part: ASTNode) => convert(part, depth + 1);
  switch (node.op) {
    case 'value':
      return { kind: 'literal', at, value: literal(node.args, at) };
    case 'id':
      return { kind: 'name', at, name: node.args };
    case '.':
      return { kind: 'select', at, of: below(node.args[0]), field: node.args[1] };
    case '[]':
      return { kind: 'index', at, of: below(node.args[0]), index: below(node.args[1]) };
    case 'call':
      return call(at, node.args[0], null, node.args[1].map(below));
    case 'rcall':
      return call(at, node.args[0], below(node.args[1]), node.args[2].map(below));
    case 'list':
      return { kind: 'list', at, entries: node.args.map(below) };
    case '!_':
    case '-_':
      return { kind: 'unary', at, operator: node.op === '!_' ? '!' : '-', of: below(node.args) };
    case '&&':
    case '||':
      return { kind: 'logic', at, operator: node.op, parts: chainOf(node, node.op).map(below) };
    case '?:': {
      const [condition, then, otherwise] = node.args;
      return {
        kind: 'choice',
        at,
        condition: below(condition),
        yes: below(then),
        no: below(otherwise),
      };
    }
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
    case 'in':
    case '+':
    case '-':
    case '*':
    case '/':
    case '%': {
      const [left, right] = node.args;
      return { kind: 'binary', at, operator: node.op, left: below(left), right: below(right) };
    }
    case '.?':
    case '[?]':
    case 'map':
      throw new Refusal('maps and optional values are not part of this environment', at);
    default:
      node satisfies never;
      throw new Refusal('is not an expression', at);
  }
}

function call(at: number, name: string, target: Node | null, args: readonly Node[]): Call {
  return { kind: 'call', at, name, target, arguments: args };
}

/** The parts of `a && b && c`, which the parser nests to the left, however long. */
function chainOf(node: ASTNode, operator: '&&' | '||'): readonly ASTNode[] {
  const parts: ASTNode[] = [];
  let rest = node;
  while (rest.op === operator) {
    const [left, right] = rest.args;
    parts.push(right);
    rest = left;
  }
  parts.push(rest);
  return parts.reverse();
}

function literal(value: unknown, at: number): Literal {
  switch (typeof value) {
    case 'boolean':
      return { type: 'bool', value };
    case 'string':
      return { type: 'string', value };
    case 'number':
      return { type: 'double', value };
    case 'bigint': {
      const int = Number(value);
      if (Number.isSafeInteger(int)) return { type: 'int', value: int };
      throw new Refusal('is an integer beyond 2^53', at);
    }
    default:
      throw new Refusal('null, bytes and unsigned integers are not part of this environment', at);
  }
}
