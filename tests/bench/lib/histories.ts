import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runHelper } from './processes.ts';
import type { BenchmarkOptions, Figure, Report } from './report.ts';

/** What the histories of a million users take in PostgreSQL, indexes included. */
const users = 1_000_000;
const mebibyte = 2 ** 20;
const filler = new URL(
  '../../../packages/control-plane/src/testing/fill-histories.ts',
  import.meta.url,
);

interface Filled {
  readonly count: number;
  readonly made: { readonly total: number; readonly table: number };
  readonly rewritten: { readonly total: number; readonly table: number };
  readonly historyBytes: number;
}

async function measureHistories(
  { say }: BenchmarkOptions,
  folder: string,
): Promise<{ readonly figures: readonly Figure[]; readonly notes: readonly string[] }> {
  say(`writing the histories of ${users} users, twice`);
  const { made, rewritten, historyBytes } = await runHelper<Filled>(filler, 1, {
    DIRECTORY: join(folder, 'histories'),
    COUNT: String(users),
  });
  const figures: Figure[] = [
    {
      what: 'histories of 1 M users, as they were made',
      unit: 'MiB',
      value: made.total / mebibyte,
      goal: 300,
      better: 'lower',
    },
    {
      what: 'the same when each was written again',
      unit: 'MiB',
      value: rewritten.total / mebibyte,
      goal: null,
      better: 'lower',
    },
    {
      what: 'of these, bytes of one history',
      unit: 'B',
      value: historyBytes,
      goal: null,
      better: 'lower',
    },
  ];
  const indexes = (made.total - made.table) / mebibyte;
  return { figures, notes: [`indexes take ${indexes.toFixed(0)} MiB of the first figure`] };
}

/** The part by itself. */
export async function histories(options: BenchmarkOptions): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  try {
    const measured = await measureHistories(options, folder);
    return { versions: { node: process.versions.node }, ...measured };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
