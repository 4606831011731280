import type { PathPattern } from './pattern.ts';
import { GrowingLists, type RuleLists } from './rule-lists.ts';
import type { CompiledRule } from './rules.ts';

interface Node {
  literals: Map<string, Node> | null;
  placeholder: Node | null;
  end: GrowingLists | null;
  rest: GrowingLists | null;
}

/**
 * A rule with more patterns than this is looked at whatever the path: one named condition may give
 * the same long list to every rule of a set.
 */
const patternsMax = 8;

/** Rules by the paths that they are about: a trie by segments. */
export class PathRules {
  #always: GrowingLists | null = null;
  #root: Node | null = null;

  /** Adds a rule; rules come in the order of their ids. */
  add(rule: CompiledRule): void {
    const patterns = patternsOf(rule);
    if (patterns === null) {
      this.#always ??= new GrowingLists();
      return this.#always.add(rule);
    }
    const root = (this.#root ??= emptyNode());
    const targets = patterns.map((pattern) => targetOf(pattern, root));
    // Two spellings of one pattern lead to one list.
    for (const target of new Set(targets)) target.add(rule);
  }

  /** Adds the lists in which the rules stand that this path does not rule out. */
  collect(segments: readonly string[], into: RuleLists[]): void {
    if (this.#always !== null) into.push(this.#always);
    if (this.#root !== null) collect(this.#root, segments, 0, into);
  }
}

/** The fewest patterns of which one must match; null: none, or too many. */
function patternsOf({ conditions }: CompiledRule): readonly PathPattern[] | null {
  let fewest: readonly PathPattern[] | null = null;
  for (const { keys } of conditions) {
    if (keys?.by !== 'path' || keys.values.length > patternsMax) continue;
    if (fewest === null || keys.values.length < fewest.length) fewest = keys.values;
  }
  return fewest;
}

function targetOf(pattern: PathPattern, root: Node): GrowingLists {
  let node = root;
  for (const literal of pattern.segments) {
    if (literal === null) {
      node.placeholder ??= emptyNode();
      node = node.placeholder;
    } else {
      node.literals ??= new Map();
      const next = node.literals.get(literal) ?? emptyNode();
      node.literals.set(literal, next);
      node = next;
    }
  }
  if (pattern.rest) {
    node.rest ??= new GrowingLists();
    return node.rest;
  }
  node.end ??= new GrowingLists();
  return node.end;
}

/** As deep as the longest pattern; visits no node twice. */
function collect(node: Node, segments: readonly string[], at: number, into: RuleLists[]): void {
  if (node.rest !== null) into.push(node.rest);
  const segment = segments[at];
  if (segment === undefined) {
    if (node.end !== null) into.push(node.end);
    return;
  }
  const literal = node.literals?.get(segment);
  if (literal !== undefined) collect(literal, segments, at + 1, into);
  if (node.placeholder !== null) collect(node.placeholder, segments, at + 1, into);
}

function emptyNode(): Node {
  return { literals: null, placeholder: null, end: null, rest: null };
}
