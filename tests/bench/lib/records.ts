import { join } from 'node:path';
import { processTree } from '@sallyport/stack';
import { cpuSeconds } from './meter.ts';
import { pin, runHelper, startHelper } from './processes.ts';
import { type BenchmarkOptions, type Figure, median, percentile } from './report.ts';

/**
 * Access records in the control plane: how many one core takes from the bytes of a request to the
 * commit, with Postgres on the other core, and how long a question takes among many.
 */
const planeCore = 0;
const databaseCore = 1;
const ingested = 200_000;
const users = 10_000;
/** A row with its indexes; the logs of the server come on top (`max_wal_size`). */
const diskBytesEach = 1_800;
const logBytes = 8e9;
const helper = (name: string) =>
  new URL(`../../../packages/control-plane/src/testing/${name}.ts`, import.meta.url);

interface Ingested {
  readonly records: number;
  readonly seconds: number;
  /** Of the control plane. */
  readonly cpuSeconds: number;
  /** Of Postgres, with all that it does besides. */
  readonly databaseSeconds: number;
  readonly bytesEach: number;
}

interface Asked {
  readonly listMs: readonly number[];
  readonly plan: readonly string[];
  readonly summary: { readonly counted: number; readonly complete: boolean; readonly ms: number };
}

export async function measureRecords(options: BenchmarkOptions, folder: string) {
  const { rows, runs, say } = options;
  const server = await startHelper(helper('records-database'), null, {
    DIRECTORY: join(folder, 'postgres'),
  });
  try {
    const { url, pid } = JSON.parse(server.lastLine()) as { url: string; pid: number };
    for (const one of [server.pid, ...processTree(pid)]) pin(one, databaseCore);
    const environment = { DATABASE_URL: url, USERS: String(users) };
    const takes: Ingested[] = [];
    for (let run = 0; run < runs; run += 1) {
      takes.push(await ingest(environment, pid));
      say(`run ${run + 1}: ${describe(takes.at(-1))}`);
    }
    const disk = ((rows * diskBytesEach + logBytes) / 1e9).toFixed(0);
    say(`filling in ${rows} rows: up to ${disk} GB of disk in ${folder} (TMPDIR)`);
    const filled = await runHelper<{ rows: number; seconds: number }>(
      helper('fill-records'),
      planeCore,
      { ...environment, ROWS: String(rows) },
    );
    say(`filled in ${filled.seconds.toFixed(0)} s`);
    const asked = await runHelper<Asked>(helper('ask-records'), planeCore, environment);
    return { figures: figuresOf(takes, asked, filled.rows), notes: notesOf(takes, asked) };
  } finally {
    await server.stop();
  }
}

async function ingest(environment: Record<string, string>, pid: number): Promise<Ingested> {
  const before = treeSeconds(pid);
  const taken = await runHelper<Omit<Ingested, 'databaseSeconds'>>(
    helper('ingest-records'),
    planeCore,
    { ...environment, COUNT: String(ingested), STREAMS: '8', BATCH: '500' },
  );
  return { ...taken, databaseSeconds: treeSeconds(pid) - before };
}

/** Of the server with its processes that ended and those that run. */
function treeSeconds(pid: number): number {
  return (
    cpuSeconds(pid, { ended: true }) +
    processTree(pid)
      .slice(1)
      .reduce((sum, one) => sum + cpuSeconds(one), 0)
  );
}

function describe(taken: Ingested | undefined): string {
  if (taken === undefined) return '';
  const { records, seconds, cpuSeconds: cpu, databaseSeconds } = taken;
  const each = (part: number) => `${((part / records) * 1e6).toFixed(0)} µs`;
  return `${(records / seconds).toFixed(0)} records/s; of a record the control plane takes ${each(cpu)}, Postgres ${each(databaseSeconds)}`;
}

function figuresOf(takes: readonly Ingested[], asked: Asked, rows: number): Figure[] {
  const middle = (read: (one: Ingested) => number) => median(takes.map(read));
  const among = `among ${rows < 1e6 ? `${rows / 1e3} k` : `${rows / 1e6} M`} rows`;
  const information = { goal: null, better: 'lower' } as const;
  return [
    {
      what: 'records a second of one control-plane core, until commit',
      unit: '1/s',
      value: middle(({ records, seconds }) => records / seconds),
      goal: 20_000,
      better: 'higher',
    },
    {
      what: 'processor time of the control plane for a record',
      unit: 'µs',
      value: middle(({ records, cpuSeconds: cpu }) => (cpu / records) * 1e6),
      goal: 50,
      better: 'lower',
    },
    {
      what: 'the same of Postgres',
      unit: 'µs',
      value: middle(({ records, databaseSeconds }) => (databaseSeconds / records) * 1e6),
      ...information,
    },
    {
      what: `last 100 decisions of a user ${among}, p99`,
      unit: 'ms',
      value: percentile(asked.listMs, 0.99),
      goal: 50,
      better: 'lower',
    },
    { what: 'the same, p50', unit: 'ms', value: median(asked.listMs), ...information },
    {
      what: `summary by reason of ${asked.summary.counted} records${asked.summary.complete ? '' : ', cut'}`,
      unit: 'ms',
      value: asked.summary.ms,
      ...information,
    },
  ];
}

function notesOf([first]: readonly Ingested[], asked: Asked): string[] {
  return [
    `records of ${(first?.bytesEach ?? 0).toFixed(0)} bytes in batches of 500 on 8 streams, from the bytes of a request; control plane on core ${planeCore}, Postgres (durable, 1 GiB of shared buffers) on core ${databaseCore}`,
    `rows of ten days and ${users} users, without facts; time of the whole question in the control plane, ${asked.listMs.length} users`,
    'plan of the last 100 decisions of a user:',
    ...asked.plan.map((line) => `  ${line}`),
  ];
}
