interface KnownPath {
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

/** Which methods a path takes, so that another one is 405 and not 404. */
export interface KnownMethods {
  note(method: string | readonly string[], route: string): void;
  at(path: string): readonly string[];
}

/** Collects routes as they are registered. */
export function knownMethods(): KnownMethods {
  const paths = new Map<string, KnownPath>();
  return {
    note(method, route) {
      const known = paths.get(route) ?? { pattern: patternOf(route), methods: new Set() };
      for (const one of [method].flat()) known.methods.add(one);
      paths.set(route, known);
    },
    at(path) {
      const found = [...paths.values()].filter(({ pattern }) => pattern.test(path));
      return found.flatMap(({ methods }) => [...methods]).sort();
    },
  };
}

/** `::` is a colon in a route, `:name` one segment. */
function patternOf(route: string): RegExp {
  const source = route
    .replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/(?<!:):(?!:)\w+/g, '[^/]+')
    .replaceAll('::', ':');
  return new RegExp(`^${source}$`);
}
