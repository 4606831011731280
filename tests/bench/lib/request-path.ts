import { runHelper } from './processes.ts';
import { type BenchmarkOptions, type Figure, median } from './report.ts';

/** What signals and records add to the path of a request at an edge: a worker's own code, alone. */
const core = 0;
const activeUsers = 500;
const measure = new URL(
  '../../../packages/edge-proxy/src/testing/measure-risk.ts',
  import.meta.url,
);

interface Cost {
  readonly p50Us: number;
  readonly p99Us: number;
  /** Of a request, when all that can go is gone. */
  readonly keptBytes: number;
  /** Of a request, while it runs. */
  readonly madeBytes: number;
}

const kinds = {
  nothing: 'nothing known',
  lastPlace: 'last place known',
  signal: 'last place and a signal known',
} as const;
type Costs = Readonly<Record<keyof typeof kinds, Cost>>;

export async function measureRequestPath({ runs, say }: BenchmarkOptions) {
  const all: Costs[] = [];
  for (let run = 0; run < runs; run += 1) {
    const costs = await runHelper<Costs>(measure, core, { USERS: String(activeUsers) });
    say(`run ${run + 1}: p99 ${costs.signal.p99Us.toFixed(2)} µs, ${kinds.signal}`);
    all.push(costs);
  }
  const names = Object.keys(kinds) as (keyof typeof kinds)[];
  return {
    figures: names.flatMap((name) =>
      figuresOf(
        kinds[name],
        all.map((costs) => costs[name]),
      ),
    ),
    notes: [
      `request path: place, risk and sighting of a request, ${activeUsers} active users on connections of their own, reading the clock included`,
    ],
  };
}

function figuresOf(known: string, costs: readonly Cost[]): Figure[] {
  const figure = (what: string, unit: string, of: keyof Cost, goal: number | null): Figure => {
    const value = Math.max(0, median(costs.map((cost) => cost[of])));
    return { what: `${what}, ${known}`, unit, value, goal, better: 'lower' };
  };
  return [
    figure('added to a request, p99', 'µs', 'p99Us', 2),
    figure('added to a request, p50', 'µs', 'p50Us', null),
    figure('memory kept after it', 'B', 'keptBytes', 1),
    figure('memory made and let go', 'B', 'madeBytes', null),
  ];
}
