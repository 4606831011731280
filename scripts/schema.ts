import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = dirname(import.meta.dirname);

/** Where the JSON Schema of the configuration is published, from the root of the repository. */
export const schemaFile = join('docs', 'schema', 'sallyport.dev-v1.json');

/** What has to stand there. Loaded by its place: scripts depend on no package. */
export async function makeSchema(): Promise<string> {
  const source = join(root, 'packages/shared/src/configuration/json-schema.ts');
  const { configurationSchemaText } = (await import(pathToFileURL(source).href)) as {
    configurationSchemaText: () => string;
  };
  return configurationSchemaText();
}
