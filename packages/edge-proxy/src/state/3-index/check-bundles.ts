import { Worker } from 'node:worker_threads';

/** One configuration version as it came. */
export interface BundleText {
  readonly version: number;
  readonly documentsJson: Uint8Array;
}

/** `unchecked` says nothing of the version: the check itself did not come to an end. */
export type BundleVerdict =
  | { readonly kind: 'good' }
  | { readonly kind: 'bad' | 'unchecked'; readonly problem: string };

export interface CheckLimits {
  /** For all versions together. */
  readonly deadlineMs: number;
  /** Of the thread's old generation. */
  readonly heapMiB: number;
}

const checkLimits: CheckLimits = { deadlineMs: 30_000, heapMiB: 512 };

/**
 * What keeps each of these versions from going live, in their order. In a thread that lives no longer
 * than that: a large configuration holds up no revocation, and the schemas stay in nobody's memory.
 * Where the thread gives no answer in time, no version is good, and none is bad.
 */
export async function checkBundles(
  bundles: readonly BundleText[],
  limits: CheckLimits = checkLimits,
): Promise<readonly BundleVerdict[]> {
  if (bundles.length === 0) return [];
  const workerData = bundles.map(({ version, documentsJson }) => ({
    version,
    // Of its own: of a view the whole message would be copied.
    documentsJson: new Uint8Array(documentsJson),
  }));
  try {
    const problems = await answerOf(workerData, limits);
    return problems.map((problem) => {
      return problem === null ? { kind: 'good' } : { kind: 'bad', problem };
    });
  } catch (error) {
    const problem = `it could not be checked: ${error instanceof Error ? error.message : String(error)}`;
    return bundles.map(() => ({ kind: 'unchecked', problem }));
  }
}

async function answerOf(
  workerData: readonly BundleText[],
  { deadlineMs, heapMiB }: CheckLimits,
): Promise<readonly (string | null)[]> {
  const worker = new Worker(new URL('./check-thread.ts', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: heapMiB },
  });
  const answer = Promise.withResolvers<readonly (string | null)[]>();
  worker.once('message', answer.resolve);
  worker.once('messageerror', answer.reject);
  worker.once('error', answer.reject);
  worker.once('exit', (code) => answer.reject(new Error(`the thread ended with ${code}`)));
  const late = () => answer.reject(new Error(`no answer in ${deadlineMs} ms`));
  const timer = setTimeout(late, deadlineMs);
  try {
    return await answer.promise;
  } finally {
    clearTimeout(timer);
    void worker.terminate();
  }
}
