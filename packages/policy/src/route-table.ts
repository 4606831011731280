import { isMethod } from './methods.ts';
import type { PathPattern } from './pattern.ts';
import type { RuleIndex } from './rule-index.ts';
import type { CompiledBudget } from './staleness.ts';

export interface CompiledRoute {
  readonly name: string;
  /** The rules of all of its policies. */
  readonly policies: readonly RuleIndex[];
  /** Up to when its rules are only watched; negative infinity: they hold. */
  readonly monitorUntilMs: number;
  /** Of the lanes whose age counts here. */
  readonly staleness: readonly CompiledBudget[];
}

export type RouteMatchResult =
  | { readonly kind: 'route'; readonly route: CompiledRoute }
  | { readonly kind: 'none' }
  /** `route` is one of those at this path, none of which takes the method. */
  | { readonly kind: 'method_not_allowed'; readonly route: CompiledRoute };

type Found = Extract<RouteMatchResult, { readonly kind: 'route' }>;
type OtherMethod = Extract<RouteMatchResult, { readonly kind: 'method_not_allowed' }>;

/** What is reached at the end of a pattern. */
interface Target {
  readonly byMethod: Map<string, Found>;
  everyMethod: Found | null;
  otherMethod: OtherMethod;
}

interface Node {
  readonly literals: Map<string, Node>;
  placeholder: Node | null;
  end: Target | null;
  rest: Target | null;
}

/** The paths of one host: a trie by segments. */
export class PathTable {
  readonly #root: Node = emptyNode();

  /**
   * Adds a route at a pattern, for these methods or, with null, for all. Where a route has one of
   * the methods there already, adds nothing and returns that route.
   */
  add(
    pattern: PathPattern,
    methods: readonly string[] | null,
    route: CompiledRoute,
  ): CompiledRoute | null {
    const target = this.#target(pattern, route);
    const taken = holderOf(target, methods);
    if (taken !== null) return taken;
    const result: Found = { kind: 'route', route };
    if (methods === null) target.everyMethod = result;
    else for (const method of methods) target.byMethod.set(method, result);
    // The first by name stands for all, whatever the order they came in.
    if (route.name < target.otherMethod.route.name) {
      target.otherMethod = { kind: 'method_not_allowed', route };
    }
    return null;
  }

  /**
   * The most specific pattern that matches decides, segment by segment: a literal before a
   * placeholder before `**`. If that pattern has no route for the method, no other is asked: a less
   * specific route is meant for other pages and may let more people in.
   */
  find(segments: readonly string[], method: string): RouteMatchResult {
    const target = search(this.#root, segments, 0);
    if (target === null) return nothing;
    if (!isMethod(method)) return target.otherMethod;
    return target.byMethod.get(method) ?? target.everyMethod ?? target.otherMethod;
  }

  #target(pattern: PathPattern, route: CompiledRoute): Target {
    let node = this.#root;
    for (const literal of pattern.segments) {
      if (literal === null) {
        node.placeholder ??= emptyNode();
        node = node.placeholder;
      } else {
        const next = node.literals.get(literal) ?? emptyNode();
        node.literals.set(literal, next);
        node = next;
      }
    }
    if (pattern.rest) {
      node.rest ??= emptyTarget(route);
      return node.rest;
    }
    node.end ??= emptyTarget(route);
    return node.end;
  }
}

export const nothing: RouteMatchResult = { kind: 'none' };

/** Goes back where a literal leads nowhere; visits no node twice. As deep as the longest pattern. */
function search(node: Node, segments: readonly string[], at: number): Target | null {
  const segment = segments[at];
  if (segment === undefined) return node.end ?? node.rest;
  const literal = node.literals.get(segment);
  const found =
    (literal === undefined ? null : search(literal, segments, at + 1)) ??
    (node.placeholder === null ? null : search(node.placeholder, segments, at + 1));
  return found ?? node.rest;
}

function emptyNode(): Node {
  return { literals: new Map(), placeholder: null, end: null, rest: null };
}

function emptyTarget(route: CompiledRoute): Target {
  return {
    byMethod: new Map(),
    everyMethod: null,
    otherMethod: { kind: 'method_not_allowed', route },
  };
}

function holderOf(target: Target, methods: readonly string[] | null): CompiledRoute | null {
  const found = methods?.map((method) => target.byMethod.get(method)) ?? [
    ...target.byMethod.values(),
  ];
  return (target.everyMethod ?? found.find((result) => result !== undefined))?.route ?? null;
}
