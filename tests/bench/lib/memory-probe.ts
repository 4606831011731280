/**
 * Loaded into a process that is measured (`--import`): at SIGUSR2 it collects all garbage, in every
 * thread, and writes how long that took and what is left into the file that BENCH_PROBE names.
 */
import { writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

export interface ThreadMemory {
  readonly main: boolean;
  /** Of a collection of all garbage, when there is none left. */
  readonly collectMs: number;
  readonly heapBytes: number;
  /** Outside the heap, without what threads share. */
  readonly externalBytes: number;
}

const answerMs = 2_000;
const channel = new BroadcastChannel('memory-probe');
channel.unref();
const threads: ThreadMemory[] = [];

channel.onmessage = ({ data }: MessageEvent): void => {
  if (isMainThread) threads.push(data as ThreadMemory);
  else channel.postMessage(measure());
};

if (isMainThread) {
  process.on('SIGUSR2', () => {
    threads.splice(0, threads.length, measure());
    channel.postMessage('measure');
    setTimeout(() => {
      writeFileSync(process.env['BENCH_PROBE'] ?? '', JSON.stringify(threads));
    }, answerMs);
  });
}

function measure(): ThreadMemory {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const times = Array.from({ length: 5 }, () => {
    const startedAt = performance.now();
    collect();
    return performance.now() - startedAt;
  });
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return {
    main: isMainThread,
    collectMs: times.sort((a, b) => a - b)[2] ?? Number.NaN,
    heapBytes: heapUsed,
    externalBytes: Math.max(external, arrayBuffers),
  };
}
