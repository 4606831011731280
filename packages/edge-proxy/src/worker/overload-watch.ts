import type { Log } from '@sallyport/shared/log';
import { Counter, Gauge, type Registry } from 'prom-client';
import { LoopWatch } from './loop-watch.ts';
import { MemoryWatch } from './memory-watch.ts';
import { Overload, type OverloadCause, type OverloadLimits } from './overload.ts';

/** How often memory is looked at, in looks at the event loop. */
const memoryEvery = 5;

export interface OverloadWatchOptions {
  readonly limits: OverloadLimits;
  /** See MemoryWatch. */
  readonly youngBytes: number;
  readonly registers: Registry[];
  /** Told when requests begin to be turned away, and when that is over. */
  readonly onChange: (overloaded: boolean) => void;
  readonly log: Log;
}

/** Watches the load of a worker; gives what says whether the next request is turned away. */
export function watchOverload(options: OverloadWatchOptions): () => boolean {
  const { limits, registers, log, onChange, youngBytes } = options;
  const overload = new Overload(limits);
  const memory = new MemoryWatch({ shareMax: limits.memoryShare, youngBytes });
  const shed: Record<OverloadCause, number> = { lag: 0, memory: 0 };
  let before: OverloadCause | null = null;
  let looks = 0;
  let seen = memory.look();
  const loop = new LoopWatch((nowMs, lagMs) => {
    looks += 1;
    if (looks % memoryEvery === 0) seen = memory.look();
    overload.look({ nowMs, lagMs, memory: seen });
    const { cause } = overload;
    if (cause === before) return;
    if (cause === null) log.info('overload.ended', { shed });
    else log.warn('overload.began', { cause, lagMs: Math.round(lagMs) });
    if ((cause === null) !== (before === null)) onChange(cause !== null);
    before = cause;
  });
  new Gauge({
    name: 'sallyport_edge_event_loop_lag_seconds',
    help: 'Longest delay of an event loop within the last 15 seconds, of the slowest worker',
    registers,
    aggregator: 'max',
    collect() {
      this.set(loop.worstMs / 1_000);
    },
  });
  new Counter({
    name: 'sallyport_edge_shed_total',
    help: 'Requests turned away for overload, by what was short',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const reason of ['lag', 'memory'] as const) this.inc({ reason }, shed[reason]);
    },
  });
  return () => {
    const { cause } = overload;
    if (cause === null || overload.takes()) return false;
    shed[cause] += 1;
    return true;
  };
}
