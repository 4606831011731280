import type { ConfigurationDocument, DocumentTest } from '../documents.ts';
import { nameOf } from '../names.ts';

/** A test and where it stands. */
export interface PlacedTest {
  readonly document: string;
  /** Name of the policy it stands in; null in a route. */
  readonly policy: string | null;
  readonly index: number;
  readonly test: DocumentTest;
}

/** Every test of the documents, with its place. */
export function testsOf(documents: readonly ConfigurationDocument[]): readonly PlacedTest[] {
  return documents.flatMap((document) => {
    if (document.kind !== 'Policy' && document.kind !== 'Route') return [];
    const policy = document.kind === 'Policy' ? document.metadata.name : null;
    const tests = document.spec.tests ?? [];
    return tests.map((test, index) => ({ document: nameOf(document), policy, index, test }));
  });
}
