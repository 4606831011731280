import { readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { until } from '../../support/until.ts';

/** What the probe says of a thread. */
export interface ThreadMemory {
  readonly main: boolean;
  readonly thread: number;
  /** Of a collection of all garbage, when there is none left. */
  readonly collectMs: number;
  readonly heapBytes: number;
  /** Outside the heap, without what threads share. */
  readonly externalBytes: number;
}

/** For a process that is to be measured; the probe writes into this file. */
export function probeEnvironment(file: string): Readonly<Record<string, string>> {
  const probe = new URL('./memory-probe.mjs', import.meta.url).pathname;
  return { NODE_OPTIONS: `--import ${probe}`, BENCH_PROBE: file };
}

/** Has a process collect all garbage; what is left in each of its threads. */
export async function threadMemory(pid: number, file: string): Promise<readonly ThreadMemory[]> {
  await rm(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  const read = async () => JSON.parse(await readFile(file, 'utf8')) as readonly ThreadMemory[];
  return (await until('the probe has answered', read, { everyMs: 100 })).value;
}

/** All memory of a process that is in RAM. */
export function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1_024;
}

/** What a process holds. */
export interface Memory {
  readonly residentBytes: number;
  readonly threads: readonly ThreadMemory[];
}

const settledBytes = 2 ** 20;
const looksMax = 8;

/** Once all garbage is collected and what was free before has been given back. */
export async function settledMemory(pid: number, file: string): Promise<Memory> {
  let before = Number.POSITIVE_INFINITY;
  for (let looks = 1; ; looks += 1) {
    const threads = await threadMemory(pid, file);
    const now = residentBytes(pid);
    if (looks === looksMax || Math.abs(before - now) < settledBytes) {
      return { residentBytes: now, threads };
    }
    before = now;
  }
}

/** What one of many takes. */
export interface MemoryShare {
  readonly residentBytes: number;
  /** Heap and what belongs to it, of all threads. */
  readonly heapBytes: number;
}

/** What each of so many takes more than was taken before; of the threads that were there then too. */
export function shareOf(now: Memory, before: Memory, count: number): MemoryShare {
  const heapBytes = now.threads.reduce((sum, thread) => {
    const then = before.threads.find((one) => one.thread === thread.thread);
    if (then === undefined) return sum;
    return sum + thread.heapBytes + thread.externalBytes - then.heapBytes - then.externalBytes;
  }, 0);
  return {
    residentBytes: (now.residentBytes - before.residentBytes) / count,
    heapBytes: heapBytes / count,
  };
}
