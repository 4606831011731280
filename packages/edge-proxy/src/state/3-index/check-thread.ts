import { parentPort, workerData } from 'node:worker_threads';
import { checkBundle } from './check-bundle.ts';
import type { BundleText } from './check-bundles.ts';

/** Checks the versions that it was started with, says what is wrong with each, and ends. */

if (parentPort === null) throw new Error('check-thread.ts runs as a worker of check-bundles.ts');

parentPort.postMessage((workerData as readonly BundleText[]).map(problemOf));

function problemOf({ version, documentsJson }: BundleText): string | null {
  try {
    checkBundle(version, documentsJson);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
