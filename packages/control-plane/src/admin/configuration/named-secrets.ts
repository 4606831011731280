import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { nameOf } from '@sallyport/shared/configuration/set';

/** Where a document names a secret of the control plane. */
export interface NamedSecret {
  readonly document: string;
  /** Name of the document and a pointer into it. */
  readonly field: string;
  readonly secret: string;
}

/** Every secret that documents name: of providers, exports and webhooks. */
export function namedSecrets(documents: readonly ConfigurationDocument[]): NamedSecret[] {
  return documents.flatMap((document) => {
    const name = nameOf(document);
    return placesOf(document).flatMap(([path, secret]) =>
      secret === undefined ? [] : [{ document: name, field: `${name} ${path}`, secret }],
    );
  });
}

function placesOf(document: ConfigurationDocument): (readonly [string, string | undefined])[] {
  if (document.kind === 'IdentityProvider') {
    return [['/spec/clientSecret', document.spec.clientSecret]];
  }
  if (document.kind !== 'Settings') return [];
  const { exports = [], webhooks = [] } = document.spec;
  return [
    ...exports.map(
      ({ otlp }, index) =>
        [`/spec/exports/${index}/otlp/authorization`, otlp?.authorization] as const,
    ),
    ...webhooks.map(({ secret }, index) => [`/spec/webhooks/${index}/secret`, secret] as const),
  ];
}
