import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram } from '../../support/peers/program.ts';
import type { Used } from './meter.ts';
import { type Figure, median } from './report.ts';
import { otherCore } from './side.ts';

/** Of each pair of runs. */
export function ratios<Run>(
  runs: readonly Run[],
  peers: readonly Run[],
  of: (run: Run) => number,
): readonly number[] {
  return runs.map((run, at) => {
    const peer = peers[at];
    return peer === undefined ? Number.NaN : of(run) / of(peer);
  });
}

export function ratio(what: string, values: readonly number[], goal: number | null): Figure {
  return { what, unit: 'ratio', value: median(values), goal, better: 'higher' };
}

/** The median of all runs. */
export function middle<Run>(
  what: string,
  unit: string,
  runs: readonly Run[],
  of: (run: Run) => number,
  better: Figure['better'],
): Figure {
  return { what, unit, value: median(runs.map(of)), goal: null, better };
}

/**
 * Shares of the core of client and upstream: where nothing of it is left by all, it is they that are
 * measured.
 */
export function idle(name: string, runs: readonly Used[]): Figure[] {
  const own = runs.map((run) => 1 - run.clientCpuSeconds / run.seconds);
  const core = runs.map((run) => run.coresIdle[otherCore] ?? Number.NaN);
  return [
    ratio(`${name}, core left by the client`, own, null),
    ratio(`${name}, the same core left by all`, core, null),
  ];
}

export function texts(values: readonly number[]): string {
  return values.map((value) => value.toFixed(3)).join(' ');
}

/** As nginx says it: `nginx version: nginx/1.22.1`. */
export async function nginxVersion(): Promise<Readonly<Record<string, string>>> {
  const { stderr } = await promisify(execFile)(findProgram('nginx') ?? 'nginx', ['-v']);
  return { nginx: /nginx\/([\d.]+)/.exec(stderr)?.[1] ?? '' };
}
