/**
 * Loaded into a process that is measured (`--import`): at SIGUSR2 it collects all garbage, in every
 * thread, and writes how long that took and what is left into the file that BENCH_PROBE names. Plain
 * JavaScript: what strips types would be in the memory that it measures.
 */
import { writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

const answerMs = 2_000;
const channel = new BroadcastChannel('memory-probe');
channel.unref();
/** @type {import('../state-cold.ts').ThreadMemory[]} */
const threads = [];

channel.onmessage = ({ data }) => {
  if (isMainThread) threads.push(data);
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

/** @returns {import('../state-cold.ts').ThreadMemory} */
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
    collectMs: times.sort((a, b) => a - b)[2] ?? Number.NaN,
    heapBytes: heapUsed,
    externalBytes: Math.max(external, arrayBuffers),
  };
}
