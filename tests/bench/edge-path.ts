import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from '@sallyport/stack';
import type { LoadResult } from './lib/load.ts';
import { type Open, pathReport, type Workers } from './lib/path-report.ts';
import {
  type Ends,
  endAll,
  type SideName,
  type Sides,
  sideNames,
  startBare,
  startSides,
} from './lib/path-sides.ts';
import type { BenchmarkOptions, Report } from './lib/report.ts';
import { load, type Side } from './lib/side.ts';
import { createFiles, openEdge } from './lib/site.ts';

/**
 * The edge's full path (device, session, policy, assertion, record) against a bare Node TLS proxy
 * on undici, against nginx as a plain proxy and against nginx that asks an auth service: the same
 * core, the same upstream, the same client, in turns.
 */
export async function edgePath(options: BenchmarkOptions): Promise<Report> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const ends: Ends = [() => rm(dir, { recursive: true, force: true })];
  try {
    const files = await createFiles(dir);
    options.say('starting the stack');
    const stack = await startStack({ edges: 1 });
    ends.push(() => stack.stop());
    const sides = await startSides(stack, files, ends);
    const closed = await alternate(sides, options);
    const open = await openLoop(sides, options);
    options.say('starting a stack whose edge has two workers');
    const second = await startStack({ edges: 1, edgeEnvironment: { SALLYPORT_WORKERS: '2' } });
    ends.push(() => second.stop());
    const twoWorkers = await openEdge(second, files, sides.upstreamPort, '0,1');
    const twoBare = await startBare(files, sides.upstreamPort, sides.of.edge, ends, 2);
    const workers = await compareWorkers(
      { one: sides.of.edge, two: twoWorkers, bareOne: sides.of.bare, bareTwo: twoBare },
      options,
    );
    return await pathReport({ closed, open, workers, authName: sides.authName });
  } finally {
    await endAll(ends);
  }
}

type Growing<Name extends string> = Record<Name, LoadResult[]>;

async function alternate(
  sides: Sides,
  { runs, seconds, say }: BenchmarkOptions,
): Promise<Growing<SideName>> {
  const measured: Growing<SideName> = { edge: [], bare: [], nginx: [], asking: [] };
  // What is still being compiled would be in the figures of the first run.
  for (const name of sideNames) await load(sides.of[name], seconds);
  for (let run = 1; run <= runs; run += 1) {
    for (const name of sideNames) measured[name].push(await load(sides.of[name], seconds));
    say(
      `run ${run} of ${runs}: ${sideNames.map((name) => rateOf(name, measured[name])).join(', ')}`,
    );
  }
  return measured;
}

async function openLoop(sides: Sides, { runs, seconds, say }: BenchmarkOptions): Promise<Open> {
  const measured: Growing<keyof Open> = { direct: [], edge: [], bare: [], nginx: [] };
  const { edge, bare, nginx } = sides.of;
  const all = { direct: sides.direct, edge, bare, nginx };
  for (let run = 1; run <= runs; run += 1) {
    for (const [name, side] of Object.entries(all) as [keyof Open, Side][]) {
      measured[name].push(await load(side, seconds, 'openLoad'));
    }
    const [direct, through] = [measured.direct.at(-1), measured.edge.at(-1)];
    say(`open loop ${run} of ${runs}: p99 ${ms(direct)} direct, ${ms(through)} through the edge`);
  }
  return measured;
}

async function compareWorkers(
  sides: Readonly<Record<keyof Workers, Side>>,
  { runs, seconds, say }: BenchmarkOptions,
): Promise<Workers> {
  const measured: Growing<keyof Workers> = { one: [], two: [], bareOne: [], bareTwo: [] };
  const all = Object.entries(sides) as [keyof Workers, Side][];
  await load(sides.two, seconds);
  await load(sides.bareTwo, seconds);
  for (let run = 1; run <= runs; run += 1) {
    for (const [name, side] of all) measured[name].push(await load(side, seconds));
    say(
      `workers ${run} of ${runs}: ${all.map(([name]) => rateOf(name, measured[name])).join(', ')}`,
    );
  }
  return measured;
}

function rateOf(name: string, runs: readonly LoadResult[]): string {
  const last = runs.at(-1);
  return last === undefined ? name : `${name} ${(last.requests / last.seconds).toFixed(0)}/s`;
}

function ms(run: LoadResult | undefined): string {
  return `${run?.p99Ms.toFixed(2) ?? '?'} ms`;
}
