import { idle, middle } from './figures.ts';
import type { LoadResult } from './load.ts';
import type { MemoryShare } from './memory.ts';
import { type Figure, percentile, type Report } from './report.ts';
import { otherCore, serverCore } from './side.ts';

/** How many are opened. */
export interface Counts {
  /** WebSockets. */
  readonly wanted: number;
  /** Over connections of their own, and over those of HTTP/2 that they share. */
  readonly webSockets: number;
  readonly http2WebSockets: number;
  /** Of each protocol, without WebSockets. */
  readonly connections: number;
}

const names = {
  connection: 'an idle connection, HTTP/1.1',
  http2Connection: 'an idle connection, HTTP/2',
  webSocket: 'a WebSocket, both connections',
  http2WebSocket: 'a WebSocket over HTTP/2, a hundred on a connection',
} as const;

/** Memory by what is open. */
type PerKind = Readonly<Record<keyof typeof names, MemoryShare>>;

export interface Measured extends PerKind {
  readonly openedASecond: number;
  /** WebSockets that did not open at once. */
  readonly again: number;
  /** Share of a core that the edge takes while nothing happens. */
  readonly idleShare: number;
  readonly answersMs: readonly number[];
  readonly alone: readonly LoadResult[];
  readonly beside: readonly LoadResult[];
  readonly endedSeconds: number;
}

export function socketsReport(counts: Counts, measured: Measured): Report {
  const { alone, beside, answersMs } = measured;
  const rate = (run: LoadResult): number => run.requests / run.seconds;
  const p99Ms = (run: LoadResult): number => run.p99Ms;
  const { webSockets, http2WebSockets, connections } = counts;
  const all = `${webSockets + http2WebSockets} WebSockets`;
  const opened = lower('WebSockets opened a second', '1/s', measured.openedASecond);
  return {
    versions: { node: process.versions.node, openssl: process.versions.openssl },
    figures: [
      ...(Object.keys(names) as (keyof PerKind)[]).flatMap((kind) => memory(kind, measured)),
      { ...opened, better: 'higher' },
      lower('of them tried again', '', measured.again),
      lower(`${all} that are idle, share of a core`, 'ratio', measured.idleShare),
      lower(`${all}, a frame there and back, p50`, 'ms', percentile(answersMs, 0.5)),
      lower(`${all}, a frame there and back, p99`, 'ms', percentile(answersMs, 0.99)),
      middle('requests a second without them', '1/s', alone, rate, 'higher'),
      middle(`requests a second beside ${all}`, '1/s', beside, rate, 'higher'),
      middle('request p99 without them', 'ms', alone, p99Ms, 'lower'),
      middle(`request p99 beside ${all}`, 'ms', beside, p99Ms, 'lower'),
      ...idle('requests without them', alone),
      ...idle('requests beside them', beside),
      lower(`from the revocation of a user to the end of ${all}`, 's', measured.endedSeconds),
    ],
    notes: [
      `memory: what is in RAM after a collection of all garbage, of ${connections} connections of each protocol with client certificates after a request, each on an edge of their own, and of ${webSockets} WebSockets, with TLS to the client and to the upstream`,
      `of the ${all}, ${http2WebSockets} share connections of HTTP/2`,
      ...(webSockets + http2WebSockets < counts.wanted
        ? [`no more than ${all}: a process may have no more files open here`]
        : []),
      `edge on core ${serverCore}, everything else on core ${otherCore}`,
    ],
  };
}

function memory(kind: keyof PerKind, per: PerKind): Figure[] {
  const share = per[kind];
  return [
    lower(`memory of ${names[kind]}`, 'KiB', share.residentBytes / 1024),
    lower('of that, heap and what belongs to it', 'KiB', share.heapBytes / 1024),
  ];
}

function lower(what: string, unit: string, value: number): Figure {
  return { what, unit, value, goal: null, better: 'lower' };
}
