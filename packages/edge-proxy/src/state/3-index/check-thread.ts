import { flushCompileCache } from 'node:module';
import { getHeapStatistics } from 'node:v8';
import { parentPort } from 'node:worker_threads';
import { checkBundle } from './check-bundle.ts';
import type { BundleText } from './check-bundles.ts';

/** Checks the versions that it is sent, and says what is wrong with each, until it is ended. */

/** The answer to one message. */
export interface BundleProblems {
  /** null: nothing is wrong. */
  readonly problems: readonly (string | null)[];
  /** How large the heap has become. */
  readonly heapBytes: number;
}

if (parentPort === null) throw new Error('check-thread.ts runs as a worker of check-bundles.ts');
const port = parentPort;

port.on('message', (bundles: readonly BundleText[]) => {
  const problems = bundles.map(problemOf);
  const answer: BundleProblems = { problems, heapBytes: getHeapStatistics().total_heap_size };
  port.postMessage(answer);
});
// For the start of the next one.
flushCompileCache();

function problemOf({ version, documentsJson }: BundleText): string | null {
  try {
    checkBundle(version, documentsJson);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
