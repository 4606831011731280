import type { ConfigurationDocument } from '../documents.ts';
import { pathsAsText } from './expressions.ts';
import type { LintFinding } from './finding.ts';
import { notForwarded } from './front-proxies.ts';
import { misspeltGroups } from './groups.ts';
import { widerThanNames } from './names.ts';
import { neverMatches } from './never.ts';
import { type Subject, subjectOf } from './rules.ts';
import { alwaysDenied, shadowed } from './shadowed.ts';
import { untested, unusedConditions, unusedPolicies } from './unused.ts';

export type { LintCode, LintFinding } from './finding.ts';

export interface LintOptions {
  /** Left out: nothing is said about dates that have passed. */
  readonly nowMs?: number;
}

const findingsMax = 1_000;

/**
 * What is allowed in documents and probably not meant, by document and place. For documents that
 * checkSet finds sound; says nothing wrong, if less, about others.
 */
export function lintDocuments(
  documents: readonly ConfigurationDocument[],
  { nowMs }: LintOptions = {},
): LintFinding[] {
  const subject = subjectOf(documents);
  return [
    ...shadowed(subject),
    ...alwaysDenied(subject),
    ...neverMatches(subject, nowMs ?? null),
    ...widerThanNames(subject),
    ...misspeltGroups(subject),
    ...unusedPolicies(subject),
    ...unusedConditions(subject),
    ...untested(subject),
    ...regularExpressions(subject),
    ...pathsAsText(subject),
    ...endedMonitors(subject, nowMs ?? null),
    ...plainUpstreams(subject),
    ...notForwarded(subject),
  ]
    .sort(byPlace)
    .slice(0, findingsMax);
}

function regularExpressions({ rules }: Subject): LintFinding[] {
  return rules
    .filter(({ rule }) => rule.pathsMatching !== undefined)
    .map(({ document, path }) => ({
      code: 'regular_expression',
      document,
      path: `${path}/pathsMatching`,
      message:
        'is a regular expression: paths says the same in a way that is read and indexed more easily',
    }));
}

function endedMonitors({ routes }: Subject, nowMs: number | null): LintFinding[] {
  return routes.flatMap(({ metadata, spec }) => {
    const { until } = spec.monitor ?? {};
    if (until === undefined || nowMs === null || Date.parse(until) > nowMs) return [];
    const message = `ended at ${until}: the rules decide, and this can be taken out`;
    const document = `Route/${metadata.name}`;
    return [{ code: 'monitor_ended' as const, document, path: '/spec/monitor', message }];
  });
}

function plainUpstreams({ routes }: Subject): LintFinding[] {
  return routes
    .filter(({ spec }) => spec.upstream.plainHttp === true)
    .map(({ metadata }) => ({
      code: 'plain_http_upstream',
      document: `Route/${metadata.name}`,
      path: '/spec/upstream/plainHttp',
      message:
        'is reached without TLS: who is between can read everything, answer in its place and use assertions',
    }));
}

function byPlace(left: LintFinding, right: LintFinding): number {
  const [a, b] = [left, right].map(({ document, path }) => `${document} ${path}`) as [
    string,
    string,
  ];
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
