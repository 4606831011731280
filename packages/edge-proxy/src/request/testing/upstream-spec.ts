import type { RouteDocument } from '@sallyport/shared/configuration/documents';
import { testDocuments } from './documents.ts';
import type { TestEdge } from './edge.ts';

type Upstream = RouteDocument['spec']['upstream'];
/** `url: undefined` takes the usual address away. */
type Change = { readonly [Field in keyof Upstream]?: Upstream[Field] | undefined };

/** Gives a route of the test documents another upstream; what is left out is as it was. */
export async function setUpstream(
  edge: TestEdge,
  upstream: Change,
  more: Partial<RouteDocument['spec']> = {},
  name = 'app',
): Promise<void> {
  const documents = testDocuments(edge.pki, edge.upstream.port).map((document) =>
    document.kind === 'Route' && document.metadata.name === name
      ? {
          ...document,
          spec: { ...document.spec, ...more, upstream: changed(document.spec.upstream, upstream) },
        }
      : document,
  );
  await edge.apply('config', ...edge.configuration(documents));
}

function changed(usual: Upstream, change: Change): Upstream {
  const all = Object.entries({ ...usual, ...change });
  return Object.fromEntries(all.filter(([, value]) => value !== undefined));
}
