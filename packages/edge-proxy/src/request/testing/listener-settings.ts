import type {
  ConfigurationDocument,
  SettingsDocument,
} from '@sallyport/shared/configuration/documents';
import { testDocuments } from './documents.ts';
import type { TestEdge } from './edge.ts';

/** The documents of tests, with these settings of the listener. */
export function withListener(
  edge: TestEdge,
  listener: NonNullable<SettingsDocument['spec']['listener']>,
  more: readonly ConfigurationDocument[] = [],
): ConfigurationDocument[] {
  return testDocuments(edge.pki, edge.upstream.port, more).map((document) =>
    document.kind === 'Settings' ? { ...document, spec: { ...document.spec, listener } } : document,
  );
}
