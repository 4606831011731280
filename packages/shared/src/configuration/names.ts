import type { ConfigurationDocument, Kind } from './documents.ts';

/** Kind and name: what is unique in a set. */
export function nameOf({ kind, metadata }: ConfigurationDocument): string {
  return `${kind}/${metadata.name}`;
}

/** The lists of rules of a policy. */
export type RuleKind = 'allow' | 'deny' | 'stepUp';

/** In the order in which they are looked at. */
export const ruleKinds: readonly RuleKind[] = ['deny', 'allow', 'stepUp'];

/** The id of a rule, as decisions name it. */
export function ruleId(policy: string, kind: RuleKind, rule: string): string {
  return `${policy}/${kind}/${rule}`;
}

/** The documents of one kind. */
export function ofKind<Wanted extends Kind>(
  documents: readonly ConfigurationDocument[],
  kind: Wanted,
): readonly Extract<ConfigurationDocument, { kind: Wanted }>[] {
  return documents.filter(
    (document): document is Extract<ConfigurationDocument, { kind: Wanted }> =>
      document.kind === kind,
  );
}

/** The ids of all rules of the documents. */
export function ruleIdsOf(documents: readonly ConfigurationDocument[]): readonly string[] {
  return ofKind(documents, 'Policy').flatMap(({ metadata, spec }) =>
    ruleKinds.flatMap((kind) =>
      (spec[kind] ?? []).map((rule) => ruleId(metadata.name, kind, rule.name)),
    ),
  );
}
