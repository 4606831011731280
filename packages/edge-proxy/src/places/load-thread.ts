import { parentPort, workerData } from 'node:worker_threads';
import { loadFile } from './load-file.ts';
import type { PlaceKind } from './place-file.ts';

/** Loads one file and ends. */

/** workerData of the thread. */
export interface LoadJob {
  readonly path: string;
  readonly kind: PlaceKind;
}

if (parentPort === null) throw new Error('load-thread.ts runs as a worker of load.ts');
const { path, kind } = workerData as LoadJob;
parentPort.postMessage(loadFile(path, kind));
