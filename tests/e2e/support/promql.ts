/** A metric as an expression uses it. */
export interface UsedMetric {
  /** As in the expression: of a histogram with `_bucket`, `_sum` or `_count`. */
  readonly name: string;
  readonly labels: readonly string[];
}

/** What Prometheus adds to every sample. */
export const addedLabels = ['instance', 'job'];

/** Metrics of an expression with the labels that are matched on, and those that it groups by. */
export function usedIn(expression: string): {
  readonly metrics: readonly UsedMetric[];
  readonly groupedBy: readonly string[];
} {
  const metrics = [
    ...expression.matchAll(/\b((?:sallyport|process|nodejs)_\w+|up)\b(\{[^}]*\})?/g),
  ];
  const groups = [...expression.matchAll(/\b(?:by|on|ignoring|without)\s*\(([^)]*)\)/g)];
  return {
    metrics: metrics.map(([, name = '', matchers = '']) => ({
      name,
      labels: [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => label),
    })),
    groupedBy: groups.flatMap(([, list = '']) => list.split(',').map((label) => label.trim())),
  };
}

/** Names of the metrics of a scrape, each with the labels that its samples have. */
export function scraped(text: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const line of text.split('\n')) {
    const [, family = '', type] = /^# TYPE (\w+) (\w+)$/.exec(line) ?? [];
    if (type !== undefined) {
      found.set(family, new Set());
      for (const part of type === 'histogram' ? ['bucket', 'sum', 'count'] : []) {
        found.set(`${family}_${part}`, new Set(part === 'bucket' ? ['le'] : []));
      }
    }
    const [, name = '', labels = ''] = /^(\w+)(\{.*\})? [^ ]+$/.exec(line) ?? [];
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) found.get(name)?.add(label);
  }
  return found;
}
