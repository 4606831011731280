/**
 * Loaded into a process that is measured (`--import`): at SIGUSR2 it collects all garbage, in every
 * thread, and writes how long that took and what is left into the file that BENCH_PROBE names, when
 * no thread has answered for a while. Plain JavaScript: what strips types would be in the memory that
 * it measures.
 */
import { writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

const answerMs = 4_000;
const channel = new BroadcastChannel('memory-probe');
channel.unref();
/** @type {import('./memory.ts').ThreadMemory[]} */
const threads = [];
/** @type {NodeJS.Timeout | null} */
let writing = null;

channel.onmessage = ({ data }) => {
  // Threads hear each other's answers too.
  if (isMainThread) {
    threads.push(data);
    writing?.refresh();
  } else if (data === 'measure') channel.postMessage(measure());
};

if (isMainThread) {
  process.on('SIGUSR2', () => {
    threads.splice(0, threads.length, measure());
    channel.postMessage('measure');
    writing = setTimeout(() => {
      writeFileSync(process.env['BENCH_PROBE'] ?? '', JSON.stringify(threads));
    }, answerMs);
  });
}

/** @returns {import('./memory.ts').ThreadMemory} */
function measure() {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
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
    thread: threadId,
    collectMs: times.sort((a, b) => a - b)[2] ?? Number.NaN,
    heapBytes: heapUsed,
    externalBytes: Math.max(external, arrayBuffers),
  };
}
