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
