import { Errors } from 'typebox/schema';

interface Operation {
  readonly responses?: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema?: object }>> }>
  >;
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** What an answer has that the OpenAPI document does not say; nothing where they agree. */
export function undocumented(
  document: OpenApi,
  method: string,
  path: string,
  status: number,
  body: unknown,
): readonly string[] {
  const [bare = ''] = path.split('?');
  const template = Object.keys(document.paths).find((one) => matches(one, bare));
  const operation = template && document.paths[template]?.[method.toLowerCase()];
  if (!operation) return [`${method} ${bare} is not in the document`];
  const response = operation.responses?.[String(status)];
  if (response === undefined) return [`${method} ${template} does not say ${status}`];
  const schema = response.content?.['application/json']?.schema;
  if (schema === undefined) return [];
  const [, errors] = Errors(schema, body);
  return errors.map(
    (error) => `${method} ${template} ${status}: ${error.instancePath} ${error.message}`,
  );
}

function matches(template: string, path: string): boolean {
  const source = template
    .replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/\{\w+\}/g, '[^/]+');
  return new RegExp(`^${source}$`).test(path);
}
