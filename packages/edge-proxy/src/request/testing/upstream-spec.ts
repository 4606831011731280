import type { RouteDocument } from '@sallyport/shared/configuration/documents';
import { testDocuments } from './documents.ts';
import type { TestEdge } from './edge.ts';

type Upstream = RouteDocument['spec']['upstream'];

/** Gives a route of the test documents another upstream; what is left out is as it was. */
export async function setUpstream(
  edge: TestEdge,
  upstream: Partial<Upstream>,
  more: Partial<RouteDocument['spec']> = {},
  name = 'app',
): Promise<void> {
  const documents = testDocuments(edge.pki, edge.upstream.port).map((document) =>
    document.kind === 'Route' && document.metadata.name === name
      ? {
          ...document,
          spec: { ...document.spec, ...more, upstream: { ...document.spec.upstream, ...upstream } },
        }
      : document,
  );
  await edge.apply('config', ...edge.configuration(documents));
}
