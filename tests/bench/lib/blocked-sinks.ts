import { openAdminApi, type Stack, startStack } from '@sallyport/stack';
import { LogSinks } from '../../support/log-sinks.ts';
import { readMetrics, sum } from '../../support/metrics.ts';
import { until } from '../../support/until.ts';
import type { LoadResult } from './load.ts';
import { residentBytes } from './memory.ts';
import { type Helper, pinBackground } from './processes.ts';
import { type BenchmarkOptions, type Figure, median } from './report.ts';
import { load, otherCore, type Side } from './side.ts';
import { openPlainEdge } from './site.ts';

/**
 * What requests notice of blocked sinks and of a control plane that is down: one edge on a core of
 * its own, the client on the other in a closed loop, and all states of the rest in turns.
 */
const plane = 'control-plane-1';
const edge = 'edge-1';
/** Exports and spools that catch up would be measured with the next run. */
const patient = { msMax: 300_000, everyMs: 500 };

const states = ['normal', 'normal again', 'sinks blocked', 'control plane down'] as const;
type State = (typeof states)[number];
type Runs = Readonly<Record<State, LoadResult[]>>;

interface Bench {
  readonly stack: Stack;
  readonly side: Side;
  readonly sinks: LogSinks;
}

export async function measureBlockedSinks(options: BenchmarkOptions, folder: string) {
  const helpers: Helper[] = [];
  const stack = await startStack({ edges: 1, postgresApart: true });
  let sinks: LogSinks | null = null;
  try {
    sinks = await LogSinks.start(stack.description);
    const { controlPlanes, tokens, ca } = stack.description;
    const url = controlPlanes[0]?.url ?? '';
    const api = await openAdminApi({ url, token: tokens.owner, ca });
    await sinks.configure(api, ['file', 'syslog']);
    await api.close();
    const side = await openPlainEdge(stack, folder, helpers);
    return report(...(await alternate({ stack, side, sinks }, options)));
  } finally {
    await Promise.all(helpers.map((helper) => helper.stop()));
    await stack.stop();
    await sinks?.close();
  }
}

async function alternate(
  bench: Bench,
  { runs, seconds, say }: BenchmarkOptions,
): Promise<[Runs, string[]]> {
  const { stack, side } = bench;
  const measured: Runs = {
    normal: [],
    'normal again': [],
    'sinks blocked': [],
    'control plane down': [],
  };
  const memory: string[] = [];
  for (let run = 1; run <= runs; run += 1) {
    for (const state of states) {
      await enter(bench, state);
      const before = Math.round(residentBytes(stack.pid(edge)) / 2 ** 20);
      const one = await load(side, seconds);
      const after = Math.round(residentBytes(stack.pid(edge)) / 2 ** 20);
      measured[state].push(one);
      memory.push(`${state} ${before} to ${after} MiB`);
      say(`run ${run}, ${state}: p50 ${one.p50Ms.toFixed(2)} ms, p99 ${one.p99Ms.toFixed(2)} ms`);
      await leave(bench, state);
    }
  }
  return [measured, memory];
}

async function enter({ stack, sinks }: Bench, state: State): Promise<void> {
  if (state === 'sinks blocked') {
    await sinks.block();
    stack.holdOutput(edge, true);
  } else if (state === 'control plane down') await stack.kill(plane);
}

async function leave({ stack, sinks }: Bench, state: State): Promise<void> {
  if (state === 'sinks blocked') {
    await sinks.unblock();
    stack.holdOutput(edge, false);
  } else if (state === 'control plane down') {
    await stack.restart(plane);
    pinBackground(stack.pid(plane), otherCore);
  }
  const { edges, controlPlanes } = stack.description;
  await until(
    'every record is stored and exported',
    async () => {
      const waiting = sum(await readMetrics(edges[0]?.ops ?? ''), 'sallyport_edge_records_backlog');
      const figures = await readMetrics(controlPlanes[0]?.ops ?? '');
      const lags = figures.filter(({ name }) => name === 'sallyport_export_lag_rows');
      return waiting === 0 && lags.length > 0 && lags.every(({ value }) => value === 0);
    },
    patient,
  );
}

function report(measured: Runs, memory: readonly string[]) {
  const ratios = (state: State): readonly number[] =>
    measured[state].map(({ p99Ms }, at) => p99Ms / (measured.normal[at]?.p99Ms ?? Number.NaN));
  const against = (what: string, state: State, goal: number | null): Figure => ({
    what: `p99 with ${what} against normal`,
    unit: 'ratio',
    value: median(ratios(state)),
    goal,
    better: 'lower',
  });
  const middle = (state: State, what: 'p50Ms' | 'p99Ms'): Figure => ({
    what: `request ${what === 'p50Ms' ? 'p50' : 'p99'}, ${state}`,
    unit: 'ms',
    value: median(measured[state].map((run) => run[what])),
    goal: null,
    better: 'lower',
  });
  const all = states.map((state) => {
    const texts = ratios(state).map((ratio) => ratio.toFixed(3));
    return `${state} ${texts.join(' ')}`;
  });
  return {
    figures: [
      // Unchanged is 1; how far the same differs from itself is the line behind them.
      against('blocked sinks', 'sinks blocked', 1),
      against('the control plane down', 'control plane down', 1),
      against('nothing else', 'normal again', null),
      ...states.flatMap((state) => [middle(state, 'p50Ms'), middle(state, 'p99Ms')]),
    ],
    notes: [
      'blocked: a file that cannot be written, a syslog server that reads nothing, a standard output that nobody reads',
      `p99 of each run against the normal one of its round: ${all.join(', ')}`,
      `memory of the edge: ${memory.join(', ')}`,
    ],
  };
}
