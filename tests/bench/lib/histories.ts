import { join } from 'node:path';
import { runHelper } from './processes.ts';
import type { BenchmarkOptions, Figure } from './report.ts';

/**
 * What the histories of a million users take in PostgreSQL, indexes included: reckoned from fewer,
 * unless there are to be many rows.
 */
const users = 1_000_000;
const rowsOfAUser = 25;
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

export async function measureHistories(
  { rows, say }: BenchmarkOptions,
  folder: string,
): Promise<{ readonly figures: readonly Figure[]; readonly notes: readonly string[] }> {
  const count = Math.min(users, Math.ceil(rows / rowsOfAUser));
  say(`writing the histories of ${count} users, twice`);
  const { made, rewritten, historyBytes } = await runHelper<Filled>(filler, 1, {
    DIRECTORY: join(folder, 'histories'),
    COUNT: String(count),
  });
  const ofAll = (bytes: number) => ((bytes / mebibyte) * users) / count;
  const figures: Figure[] = [
    {
      what: 'histories of 1 M users, as they were made',
      unit: 'MiB',
      value: ofAll(made.total),
      goal: 300,
      better: 'lower',
    },
    {
      what: 'the same when each was written again',
      unit: 'MiB',
      value: ofAll(rewritten.total),
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
  const indexes = ofAll(made.total - made.table).toFixed(0);
  const reckoned =
    count === users
      ? ''
      : ` reckoned from ${count}; --rows ${users * rowsOfAUser} writes them all;`;
  return { figures, notes: [`histories:${reckoned} indexes take ${indexes} MiB of 1 M users`] };
}
