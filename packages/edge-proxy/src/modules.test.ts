import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** Imports a module in a process of its own and prints the packages that came with it. */
const program = `
  import { registerHooks } from 'node:module';
  const found = new Set();
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      const name = /.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(resolved.url)?.[1];
      if (name !== undefined) found.add(name);
      return resolved;
    },
  });
  await import(process.argv[1]);
  console.log(JSON.stringify([...found]));
`;

async function packagesOf(entry: string): Promise<string[]> {
  const file = new URL(entry, import.meta.url).pathname;
  const args = ['--input-type=module', '-e', program, file];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as string[];
}

// Each is a megabyte or more of every thread's memory, and of every full collection.
test('the main thread starts without schemas, YAML, a bus and what makes certificates', async () => {
  const packages = await packagesOf('./edge.ts');
  expect(packages).toContain('@grpc/grpc-js');
  for (const name of ['typebox', 'yaml', 'nats', 'jose', 'undici', '@peculiar/x509'])
    expect(packages).not.toContain(name);
});

test('a request worker has what requests need, and no schemas and no way of the state', async () => {
  const packages = await packagesOf('./testing/worker-modules.ts');
  expect(packages).toContain('undici');
  for (const name of ['typebox', 'yaml', 'nats', '@grpc/grpc-js', '@peculiar/x509'])
    expect(packages).not.toContain(name);
});
