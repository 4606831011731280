import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from '@sallyport/stack';
import { idle, middle, nginxVersion, ratio, ratios } from './lib/figures.ts';
import { type Ends, endAll, startPlainNginx } from './lib/path-sides.ts';
import { startHelper } from './lib/processes.ts';
import type { BenchmarkOptions, Figure, Report } from './lib/report.ts';
import { askSide, otherCore, type Side, serverCore } from './lib/side.ts';
import { createFiles, openEdge } from './lib/site.ts';
import type { TransferResult } from './lib/transfer.ts';

/** One large body each way over one connection: the edge against nginx, which keeps none on disk. */
const mebibytes = Number(process.env['BENCH_MEBIBYTES'] ?? '1024');
const bytes = mebibytes * 2 ** 20;
const ways = { down: 'download', up: 'upload' } as const;
const names = { edge: 'edge', nginx: 'nginx, plain' } as const;
type Way = keyof typeof ways;
type Name = keyof typeof names;
type Measured = Record<Way, Record<Name, TransferResult[]>>;

export async function edgeTransfer(options: BenchmarkOptions): Promise<Report> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const ends: Ends = [() => rm(dir, { recursive: true, force: true })];
  try {
    options.say('starting the stack');
    const stack = await startStack({ edges: 1 });
    ends.push(() => stack.stop());
    const files = await createFiles(dir);
    const entry = new URL('./lib/transfer-upstream.ts', import.meta.url);
    const upstream = await startHelper(entry, otherCore, {
      ...files.server,
      BYTES: String(bytes),
    });
    ends.push(() => upstream.stop());
    const edge = await openEdge(stack, files, upstream.port);
    const nginx = await startPlainNginx(files, upstream.port, edge, ends);
    return await report(await alternate({ edge, nginx }, options));
  } finally {
    await endAll(ends);
  }
}

async function alternate(
  sides: Readonly<Record<Name, Side>>,
  { runs, say }: BenchmarkOptions,
): Promise<Measured> {
  const measured: Measured = { down: { edge: [], nginx: [] }, up: { edge: [], nginx: [] } };
  for (let run = 1; run <= runs; run += 1) {
    for (const way of Object.keys(ways) as Way[]) {
      for (const [name, side] of Object.entries(sides) as [Name, Side][]) {
        const environment = { WAY: way, BYTES: String(bytes) };
        const one = await askSide<TransferResult>('transfer', side, environment);
        measured[way][name].push(one);
        say(`run ${run} of ${runs}, ${ways[way]}, ${names[name]}: ${rate(one).toFixed(0)} MiB/s`);
      }
    }
  }
  return measured;
}

const rate = (run: TransferResult): number => run.bytes / 2 ** 20 / run.seconds;
const cpuPerGib = (run: TransferResult): number => run.serverCpuSeconds / (run.bytes / 2 ** 30);
const gibPerCpuSecond = (run: TransferResult): number => 1 / cpuPerGib(run);

async function report(measured: Measured): Promise<Report> {
  const figures = (Object.entries(ways) as [Way, string][]).flatMap(([way, text]): Figure[] => {
    const { edge, nginx } = measured[way];
    return [
      ratio(`${text}, edge against nginx`, ratios(edge, nginx, rate), null),
      ratio(
        `${text}, edge against nginx by processor time`,
        ratios(edge, nginx, gibPerCpuSecond),
        null,
      ),
      ...(Object.entries(names) as [Name, string][]).flatMap(([name, side]) => [
        middle(`${text}, ${side}`, 'MiB/s', measured[way][name], rate, 'higher'),
        middle(
          `${text}, ${side}, processor time`,
          's/GiB',
          measured[way][name],
          cpuPerGib,
          'lower',
        ),
        ...idle(`${text}, ${side}`, measured[way][name]),
      ]),
    ];
  });
  return {
    versions: {
      node: process.versions.node,
      openssl: process.versions.openssl,
      ...(await nginxVersion()),
    },
    figures,
    notes: [
      `${mebibytes} MiB over one connection, TLS 1.3 with AES-128-GCM on both sides of the proxy; nginx with request buffering off and no temporary files`,
      `what is measured on core ${serverCore}, client and upstream on core ${otherCore}: where nothing of that core is left, they are what is measured, and the processor time says more`,
    ],
  };
}
