import { idle, middle, nginxVersion, ratio, ratios, texts } from './figures.ts';
import type { LoadResult } from './load.ts';
import type { SideName } from './path-sides.ts';
import { type Figure, median, type Report } from './report.ts';
import { connections, otherCore, serverCore } from './side.ts';

/** Runs of every side, in turns. */
export type Closed = Readonly<Record<SideName, readonly LoadResult[]>>;

/** At 1,000 requests a second; `direct` is the upstream with nothing in front of it. */
export type Open = Readonly<Record<'direct' | 'edge' | 'bare' | 'nginx', readonly LoadResult[]>>;

/** The edge with one worker on its core, and with two on both; the bare proxy's processes alike. */
export type Workers = Readonly<
  Record<'one' | 'two' | 'bareOne' | 'bareTwo', readonly LoadResult[]>
>;

export interface PathMeasured {
  readonly closed: Closed;
  readonly open: Open;
  readonly workers: Workers;
  readonly authName: string;
}

type Of = (run: LoadResult) => number;
const rate: Of = (run) => run.requests / run.seconds;
const costUs: Of = (run) => (run.serverCpuSeconds * 1e6) / run.requests;
const p50Ms: Of = (run) => run.p50Ms;
const p99Ms: Of = (run) => run.p99Ms;

const names: Readonly<Record<keyof Closed, string>> = {
  edge: 'full path',
  bare: 'bare proxy',
  nginx: 'nginx, plain',
  asking: 'nginx + auth_request',
};

export async function pathReport(measured: PathMeasured): Promise<Report> {
  const { closed, open, workers, authName } = measured;
  const against = (peer: keyof Closed): readonly number[] =>
    ratios(closed.edge, closed[peer], rate);
  const sides = Object.entries(names) as [keyof Closed, string][];
  return {
    versions: {
      node: process.versions.node,
      openssl: process.versions.openssl,
      ...(await nginxVersion()),
    },
    figures: [
      ratio('full path against a bare Node TLS + undici proxy', against('bare'), 0.85),
      ratio('full path against nginx as a plain proxy', against('nginx'), null),
      ratio('full path against nginx with auth_request', against('asking'), 1.5),
      ratio(
        'bare proxy against nginx as a plain proxy',
        ratios(closed.bare, closed.nginx, rate),
        null,
      ),
      ...sides.flatMap(([side, name]) => ofSide(name, closed[side])),
      ...(['edge', 'bare', 'nginx'] as const).flatMap((side) => added(names[side], open, side)),
      ...ofWorkers(workers),
    ],
    notes: [
      `${connections} keep-alive connections with client certificates, ended after 1,000 requests by all but the bare proxy, 1 KiB answers; what is measured on core ${serverCore}, everything else on core ${otherCore}`,
      `auth_request to ${authName}, on the same core as nginx`,
      `ratio of each run to the bare proxy's: ${texts(against('bare'))}; to nginx: ${texts(against('nginx'))}; to nginx with auth_request: ${texts(against('asking'))}`,
      'latency added: at 1,000 requests a second, beyond that of the upstream asked directly',
      'two workers: on both cores, where the client and the upstream are as well, so the two bare proxies show what the machine leaves',
    ],
  };
}

function ofSide(name: string, runs: readonly LoadResult[]): Figure[] {
  return [
    middle(`${name}, requests a second`, '1/s', runs, rate, 'higher'),
    middle(`${name}, processor time for a request`, 'us', runs, costUs, 'lower'),
    middle(`${name}, p50`, 'ms', runs, p50Ms, 'lower'),
    middle(`${name}, p99`, 'ms', runs, p99Ms, 'lower'),
    ...idle(name, runs),
  ];
}

function added(name: string, open: Open, side: keyof Open): Figure[] {
  const more = (of: Of): number =>
    median(open[side].map((run, at) => of(run) - of(open.direct[at] ?? run)));
  const latency = (what: string, value: number): Figure => ({
    what: `${name}, ${what} added at 1,000/s`,
    unit: 'ms',
    value,
    goal: null,
    better: 'lower',
  });
  return [latency('p50', more(p50Ms)), latency('p99', more(p99Ms))];
}

function ofWorkers({ one, two, bareOne, bareTwo }: Workers): Figure[] {
  const perCpuSecond: Of = (run) => run.requests / run.serverCpuSeconds;
  return [
    ratio('two workers against one, requests per CPU-second', ratios(two, one, perCpuSecond), 0.85),
    ratio('two workers against one, requests a second', ratios(two, one, rate), null),
    ratio(
      'two bare proxies against one, requests per CPU-second',
      ratios(bareTwo, bareOne, perCpuSecond),
      null,
    ),
    ratio('two bare proxies against one, requests a second', ratios(bareTwo, bareOne, rate), null),
    ...idle('two workers', two),
  ];
}
