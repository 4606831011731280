import { canonicalJson } from '@sallyport/shared/canonical-json';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { nameOf } from '@sallyport/shared/configuration/set';
import type { FieldProblem } from '@sallyport/shared/errors';
import type { DocumentChange } from '../../store/schema/index.ts';

export interface SetChange {
  /** Documents that take their place in the set. */
  readonly given: readonly ConfigurationDocument[];
  readonly deleted: readonly { readonly kind: string; readonly name: string }[];
  /** Of the live set, keep nothing but what is given. */
  readonly prune: boolean;
}

export interface NextSet {
  readonly documents: readonly ConfigurationDocument[];
  readonly changes: readonly DocumentChange[];
}

/** The set that follows the live one. Pure; whether it is sound is another matter. */
export function nextSet(
  live: readonly ConfigurationDocument[],
  { given, deleted, prune }: SetChange,
): NextSet | { readonly problems: readonly FieldProblem[] } {
  const before = new Map(live.map((document) => [nameOf(document), document]));
  const after = new Map(prune ? [] : before);
  const problems: FieldProblem[] = [];
  const seen = new Set<string>();
  for (const document of given) {
    const name = nameOf(document);
    if (seen.has(name)) problems.push({ field: name, message: 'is given twice' });
    seen.add(name);
    after.set(name, document);
  }
  for (const [index, { kind, name }] of deleted.entries()) {
    const key = `${kind}/${name}`;
    const field = `/delete/${index}`;
    if (seen.has(key)) problems.push({ field, message: `${key} is given, too` });
    else if (!before.has(key)) problems.push({ field, message: `there is no ${key}` });
    after.delete(key);
  }
  if (problems.length > 0) return { problems };
  return { documents: [...after.values()], changes: changesBetween(before, after) };
}

type Documents = ReadonlyMap<string, ConfigurationDocument>;

function changesBetween(before: Documents, after: Documents): DocumentChange[] {
  const changes: DocumentChange[] = [];
  for (const [name, document] of after) {
    const earlier = before.get(name);
    if (earlier === undefined) changes.push(changeOf(document, 'created'));
    else if (canonicalJson(earlier) !== canonicalJson(document)) {
      changes.push(changeOf(document, 'updated'));
    }
  }
  for (const [name, document] of before) {
    if (!after.has(name)) changes.push(changeOf(document, 'deleted'));
  }
  return changes;
}

function changeOf(
  { kind, metadata }: ConfigurationDocument,
  change: DocumentChange['change'],
): DocumentChange {
  return { kind, name: metadata.name, change };
}
