/**
 * Makes what is made from other files: protobuf code, SQL migrations from the schema of the
 * database, and the JSON Schema of the configuration.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from './run.ts';
import { makeSchema, schemaFile } from './schema.ts';

const root = dirname(import.meta.dirname);
for (const [program, args, folder] of [
  ['buf', ['generate'], root],
  ['drizzle-kit', ['generate'], `${root}/packages/control-plane`],
] as const) {
  const { code, output } = await run(program, args, folder);
  process.stdout.write(output);
  if (code !== 0) {
    console.error(`${program} ended with ${code}`);
    process.exitCode = 1;
    break;
  }
}

await mkdir(join(root, dirname(schemaFile)), { recursive: true });
await writeFile(join(root, schemaFile), await makeSchema());
