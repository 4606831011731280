import { apiVersion, type Kind, kinds } from './documents.ts';
import { Metadata } from './schema/common.ts';

/**
 * All kinds in one JSON Schema (draft 7, which editors know best): what is published in docs/schema,
 * served by the admin API and printed by the command line. Says what the schemas of the kinds say;
 * that documents fit together is for checkSet.
 */
export function configurationSchema(): Readonly<Record<string, unknown>> {
  const names = Object.keys(kinds) as Kind[];
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'https://sallyport.dev/schema/sallyport.dev-v1.json',
    title: `Sallyport configuration, ${apiVersion}`,
    // A file holds documents, or one list of them.
    if: { type: 'array' },
    // oxlint-disable-next-line unicorn/no-thenable -- the keyword of JSON Schema
    then: { type: 'array', items: { $ref: '#/definitions/Document' } },
    else: { $ref: '#/definitions/Document' },
    definitions: {
      Document: {
        type: 'object',
        required: ['apiVersion', 'kind', 'metadata', 'spec'],
        properties: {
          apiVersion: { const: apiVersion },
          kind: { enum: names },
          metadata: Metadata,
          spec: { type: 'object' },
        },
        // By kind, so that an editor speaks of the one kind that is meant.
        allOf: names.map((kind) => ({
          if: { required: ['kind'], properties: { kind: { const: kind } } },
          // oxlint-disable-next-line unicorn/no-thenable -- the keyword of JSON Schema
          then: { $ref: `#/definitions/${kind}` },
        })),
      },
      ...kinds,
    },
  };
}

/** As it is published: the same bytes for the same schemas. */
export function configurationSchemaText(): string {
  return `${JSON.stringify(configurationSchema(), null, 2)}\n`;
}
