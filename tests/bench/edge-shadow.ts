import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Position } from '@sallyport/shared/state/model';
import { comparePositions } from '@sallyport/shared/sync/position';
import { type AdminApi, openAdminApi, startStack } from '@sallyport/stack';
import type { LoadResult } from './lib/load.ts';
import type { Helper } from './lib/processes.ts';
import { type BenchmarkOptions, median, type Report } from './lib/report.ts';
import { host, load, type Side } from './lib/side.ts';
import { openPlainEdge } from './lib/site.ts';

/**
 * What a shadow version costs requests: the same edge with and without one that it decides besides,
 * in turns. The client is a closed loop, so that the edge has no idle time to hide the work in.
 */
export async function edgeShadow(options: BenchmarkOptions): Promise<Report> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const helpers: Helper[] = [];
  options.say('starting the stack');
  const stack = await startStack({ edges: 1 });
  try {
    const side = await openPlainEdge(stack, dir, helpers);
    const { controlPlanes, tokens, ca } = stack.description;
    const url = controlPlanes[0]?.url ?? '';
    const api = await openAdminApi({ url, token: tokens.policyAdmin, ca });
    const version = await proposeShadow(api);
    const measured = await alternate(side, api, version, options);
    await api.close();
    return report(measured);
  } finally {
    await Promise.all(helpers.map((helper) => helper.stop()));
    await stack.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

/** A version that decides as the live one does, with one rule more to look at. */
async function proposeShadow(api: AdminApi): Promise<number> {
  const { body } = await api.post<{ readonly version: number }>('/v1/config:apply', {
    mode: 'candidate',
    documents: [
      {
        apiVersion: 'sallyport.dev/v1',
        kind: 'Policy',
        metadata: { name: 'bench-shadow' },
        spec: { deny: [{ name: 'none', groups: ['nobody-is-in-this-group'] }] },
      },
    ],
  });
  return body.version;
}

interface Measured {
  readonly without: readonly LoadResult[];
  readonly with: readonly LoadResult[];
}

async function alternate(
  side: Side,
  api: AdminApi,
  version: number,
  { runs, seconds, say }: BenchmarkOptions,
): Promise<Measured> {
  const one = () => load(side, seconds);
  const without: LoadResult[] = [];
  const shadowed: LoadResult[] = [];
  for (let run = 1; run <= runs; run++) {
    without.push(await one());
    const { body } = await api.put<{ readonly position: Position }>('/v1/shadow', { version });
    await enforced(api, body.position);
    shadowed.push(await one());
    await api.delete('/v1/shadow');
    say(`run ${run} of ${runs}: p99 ${p99(without)} ms without, ${p99(shadowed)} ms with a shadow`);
  }
  return { without, with: shadowed };
}

interface EdgePage {
  readonly items: readonly {
    readonly lanes: { readonly config?: { readonly enforced: Position | null } };
  }[];
}

async function enforced(api: AdminApi, position: Position): Promise<void> {
  for (;;) {
    const { items } = await api.get<EdgePage>('/v1/edges');
    const at = items[0]?.lanes.config?.enforced ?? null;
    if (at !== null && comparePositions(at, position) >= 0) return;
    await delay(50);
  }
}

function p99(runs: readonly LoadResult[]): string {
  return runs.at(-1)?.p99Ms.toFixed(2) ?? '';
}

function report(measured: Measured): Report {
  const ratio = (of: (run: LoadResult) => number): number =>
    median(
      measured.with.map((run, at) => {
        const peer = measured.without[at];
        return peer === undefined ? Number.NaN : of(run) / of(peer);
      }),
    );
  const middle = (what: string, runs: readonly LoadResult[], of: (run: LoadResult) => number) => ({
    what,
    unit: 'ms',
    value: median(runs.map(of)),
    goal: null,
    better: 'lower' as const,
  });
  const p99Ms = (run: LoadResult): number => run.p99Ms;
  const p50Ms = (run: LoadResult): number => run.p50Ms;
  return {
    versions: { node: process.versions.node },
    figures: [
      {
        what: 'p99 with a shadow against without',
        unit: 'ratio',
        value: ratio(p99Ms),
        goal: 1.05,
        better: 'lower',
      },
      {
        what: 'requests a second with a shadow against without',
        unit: 'ratio',
        value: ratio((run) => run.requests / run.seconds),
        goal: null,
        better: 'higher',
      },
      {
        what: 'processor time for a request with a shadow against without',
        unit: 'ratio',
        value: ratio((run) => run.serverCpuSeconds / run.requests),
        goal: null,
        better: 'lower',
      },
      middle('p99 without', measured.without, p99Ms),
      middle('p99 with a shadow', measured.with, p99Ms),
      middle('p50 without', measured.without, p50Ms),
      middle('p50 with a shadow', measured.with, p50Ms),
    ],
    notes: [`${host} on one core, the client on the other, in turns on one edge`],
  };
}
