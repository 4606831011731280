import { Worker } from 'node:worker_threads';

/** One configuration version as it came. */
export interface BundleText {
  readonly version: number;
  readonly documentsJson: Uint8Array;
}

/**
 * What keeps each of these versions from going live, in their order; null: nothing does. In a thread
 * that lives no longer than that: a large configuration holds up no revocation, and the schemas stay
 * in nobody's memory. Where the thread does not answer, no version is good.
 */
export async function checkBundles(
  bundles: readonly BundleText[],
): Promise<readonly (string | null)[]> {
  if (bundles.length === 0) return [];
  const workerData = bundles.map(({ version, documentsJson }) => ({
    version,
    // Of its own: of a view the whole message would be copied.
    documentsJson: new Uint8Array(documentsJson),
  }));
  try {
    return await answerOf(workerData);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return bundles.map(() => `it could not be checked: ${problem}`);
  }
}

async function answerOf(workerData: readonly BundleText[]): Promise<readonly (string | null)[]> {
  const worker = new Worker(new URL('./check-thread.ts', import.meta.url), { workerData });
  const answer = Promise.withResolvers<readonly (string | null)[]>();
  worker.once('message', answer.resolve);
  worker.once('messageerror', answer.reject);
  worker.once('error', answer.reject);
  worker.once('exit', (code) => answer.reject(new Error(`the thread ended with ${code}`)));
  try {
    return await answer.promise;
  } finally {
    void worker.terminate();
  }
}
