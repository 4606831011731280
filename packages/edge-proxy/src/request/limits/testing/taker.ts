import { parentPort, workerData } from 'node:worker_threads';
import type { Pace } from '../gcra.ts';
import { SharedBuckets } from '../shared-buckets.ts';

/** Takes from shared buckets as fast as it can, at one instant; says how often it was admitted. */

export interface TakerWork {
  readonly memory: SharedArrayBuffer;
  readonly names: readonly string[];
  readonly times: number;
  readonly pace: Pace;
  /** One cell: not zero, go. */
  readonly gate: SharedArrayBuffer;
}

const { memory, names, times, pace, gate } = workerData as TakerWork;
const buckets = new SharedBuckets(memory, () => 1_000_000n);
const admitted = names.map(() => 0);
parentPort?.postMessage('ready');
Atomics.wait(new Int32Array(gate), 0, 0);
for (let turn = 0; turn < times; turn += 1) {
  for (const [at, name] of names.entries()) {
    if (buckets.take('other', name, pace).admitted) admitted[at] = (admitted[at] ?? 0) + 1;
    // What is given back is there for the other thread too.
    if (turn % 5 === 0) {
      if (buckets.take('other', name, pace).admitted) buckets.giveBack('other', name, pace);
    }
  }
}
parentPort?.postMessage(admitted);
