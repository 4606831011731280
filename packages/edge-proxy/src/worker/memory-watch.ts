import { totalmem } from 'node:os';
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { Load } from './overload.ts';

/** V8 gives up where four fifths are in use and collecting does not help. */
const heapShareMax = 0.75;
/** What is in use has to be less by so much before there is enough again. */
const margin = 0.05;
/** Where little is asked for any more, V8 sees no need to collect, and what is known gets old. */
const collectAfterMs = 10_000;

export interface MemoryWatchOptions {
  /** Share of what the process may have. */
  readonly shareMax: number;
  /** Of the heap that is not for what lives in it, bytes. */
  readonly youngBytes: number;
}

/** How much memory this thread's heap and the process have left. */
export class MemoryWatch {
  readonly #options: MemoryWatchOptions;
  readonly #processBytesMax: number;
  #heapShare = 0;
  /** When that was, as by performance.now(). */
  #readAtMs = 0;

  constructor(options: MemoryWatchOptions) {
    this.#options = options;
    this.#processBytesMax = processBytesMax();
    // Between two of them nobody knows how much of the heap is garbage.
    new PerformanceObserver((list) => {
      if (list.getEntries().some(isMajor)) this.#readHeap();
    }).observe({ entryTypes: ['gc'] });
  }

  look(): Load['memory'] {
    const { shareMax } = this.#options;
    // How full each is, as a part of how full it may be.
    const heap = this.#heapShare / heapShareMax;
    const all = shareMax < 1 ? this.#processShare() / shareMax : 0;
    const fullest = Math.max(heap, all);
    if (heap >= 1 - margin && performance.now() - this.#readAtMs >= collectAfterMs) collect();
    if (fullest >= 1) return 'scarce';
    return fullest >= 1 - margin ? 'short' : 'enough';
  }

  #readHeap(): void {
    const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
    this.#heapShare = used / (limit - this.#options.youngBytes);
    this.#readAtMs = performance.now();
  }

  #processShare(): number {
    return this.#processBytesMax === 0 ? 0 : process.memoryUsage.rss() / this.#processBytesMax;
  }
}

/** main.ts lets threads that begin after it do so. */
function collect(): void {
  globalThis.gc?.();
}

function isMajor(entry: PerformanceEntry): boolean {
  const { detail } = entry as PerformanceEntry & { readonly detail?: { readonly kind?: number } };
  return detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
}

/** What the system lets this process have; 0: nothing less than what the machine has. */
function processBytesMax(): number {
  const bytes = process.constrainedMemory();
  return bytes > 0 && bytes < totalmem() ? bytes : 0;
}
