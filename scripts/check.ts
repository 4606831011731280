/**
 * `pnpm check [name…]`: everything about the sources that can be said without running them. Each
 * step prints one line; the output of those that fail follows.
 */
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { dependencyProblems } from './dependency-rules.ts';
import { run } from './run.ts';
import { makeSchema, schemaFile } from './schema.ts';
import { readSupplyChain, supplyChainProblems } from './supply-chain.ts';

const root = dirname(import.meta.dirname);

interface Outcome {
  readonly code: number;
  readonly output: string;
}

const steps: Readonly<Record<string, () => Promise<Outcome>>> = {
  types: () => run('tsc', ['-b', '--pretty', 'false']),
  lint: () => run('oxlint', ['--type-aware', '-c', '.oxlintrc.json', '--deny-warnings']),
  format: () => run('biome', ['check', '--linter-enabled=false', '--error-on-warnings', '.']),
  unused: () => run('knip', ['--no-progress']),
  protobuf: () => run('buf', ['lint']),
  'generated protobuf code': freshProtobuf,
  'generated migrations': freshMigrations,
  'generated JSON Schema': freshSchema,
  'who may import what': () => Promise.resolve(listed(dependencyProblems(root))),
  'where dependencies come from': () =>
    Promise.resolve(listed(supplyChainProblems(readSupplyChain(root)))),
};

function listed(problems: readonly string[]): Outcome {
  return { code: problems.length > 0 ? 1 : 0, output: problems.join('\n') };
}

/** packages/proto/gen is what the generator makes of the .proto files today. */
async function freshProtobuf(): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-generated-'));
  try {
    const made = await run('buf', ['generate', '--output', folder]);
    if (made.code !== 0) return made;
    const generated = join('packages', 'proto', 'gen');
    return listed(await differences(join(root, generated), join(folder, generated)));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The migrations say what the schema says: generating once more adds nothing. */
async function freshMigrations(): Promise<Outcome> {
  const controlPlane = join(root, 'packages', 'control-plane');
  const migrations = join('src', 'store', 'migrations');
  const folder = await mkdtemp(join(controlPlane, 'node_modules', '.migrations-'));
  try {
    await cp(join(controlPlane, migrations), folder, { recursive: true });
    const made = await run(
      'drizzle-kit',
      [
        'generate',
        '--dialect=postgresql',
        '--schema=./src/store/schema/*.ts',
        `--out=${folder.slice(controlPlane.length + 1)}`,
      ],
      controlPlane,
    );
    if (made.code !== 0) return made;
    return listed(await differences(join(controlPlane, migrations), folder));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The published JSON Schema says what the schemas in the code say. */
async function freshSchema(): Promise<Outcome> {
  const kept = await readFile(join(root, schemaFile), 'utf8').catch(() => null);
  const stale = `${schemaFile} is not what would be generated now: run pnpm generate`;
  return listed(kept === (await makeSchema()) ? [] : [stale]);
}

async function differences(kept: string, fresh: string): Promise<string[]> {
  const files = async (folder: string) => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  };
  const all = new Set([...(await files(kept)), ...(await files(fresh))]);
  const text = (file: string) => readFile(file, 'utf8').catch(() => null);
  const differing: string[] = [];
  for (const file of all) {
    if ((await text(join(kept, file))) !== (await text(join(fresh, file)))) {
      differing.push(`${file} is not what would be generated now: run pnpm generate`);
    }
  }
  return differing;
}

const wanted = process.argv.slice(2);
const queue = Object.entries(steps).filter(
  ([name]) => wanted.length === 0 || wanted.includes(name),
);
const failed: { name: string; output: string }[] = [];

async function work(): Promise<void> {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const [name, step] = next;
    const started = performance.now();
    const { code, output } = await step().catch((error: unknown) => ({
      code: 1,
      output: String(error),
    }));
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${code === 0 ? 'ok  ' : 'FAIL'}  ${name}  ${seconds} s`);
    if (code !== 0) failed.push({ name, output });
  }
}

await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, work));
for (const { name, output } of failed) console.log(`\n--- ${name}\n${output.trimEnd()}`);
process.exitCode = failed.length > 0 ? 1 : 0;
