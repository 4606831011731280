import { Worker } from 'node:worker_threads';
import type { BundleProblems } from './check-thread.ts';

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
  /** For all versions of one check together. */
  readonly deadlineMs: number;
  /** Of the thread's old generation. */
  readonly heapMiB: number;
}

const checkLimits: CheckLimits = { deadlineMs: 30_000, heapMiB: 512 };

/** What has grown larger is not kept: a thread that waits gives nothing back. */
const keptHeapBytes = 64 * 2 ** 20;
/** Checks are seldom: with less room they copy more, and leave a third of the memory behind. */
const youngGenerationMiB = 8;

/**
 * Says what keeps configuration versions from going live, in a thread: a large configuration holds up
 * no revocation. The thread starts with the first check and waits for the next, since most of the
 * time of a check would go into its start. It never holds the process. One that gave no answer is
 * ended, and the next check has another.
 */
export class BundleChecker {
  readonly #limits: CheckLimits;
  #thread: CheckThread | null = null;
  /** One check after the other, in the order in which they were asked for. */
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(limits: CheckLimits = checkLimits) {
    this.#limits = limits;
  }

  /**
   * What keeps each of these versions from going live, in their order. Where the thread gives no
   * answer in time, no version is good, and none is bad.
   */
  async check(bundles: readonly BundleText[]): Promise<readonly BundleVerdict[]> {
    if (bundles.length === 0) return [];
    const verdicts = this.#last.then(() => this.#check(bundles));
    this.#last = verdicts;
    return verdicts;
  }

  /** Ends the thread. What it checks, and what is asked for later, stays unchecked. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#thread?.end();
  }

  async #check(bundles: readonly BundleText[]): Promise<readonly BundleVerdict[]> {
    try {
      const { problems, heapBytes } = await this.#ask(bundles);
      if (heapBytes > keptHeapBytes) this.#endThread();
      return problems.map((problem) => {
        return problem === null ? { kind: 'good' } : { kind: 'bad', problem };
      });
    } catch (error) {
      this.#endThread();
      const problem = `it could not be checked: ${error instanceof Error ? error.message : String(error)}`;
      return bundles.map(() => ({ kind: 'unchecked', problem }));
    }
  }

  #ask(bundles: readonly BundleText[]): Promise<BundleProblems> {
    if (this.#closed) throw new Error('the edge is about to end');
    if (this.#thread === null || this.#thread.ended) {
      this.#thread = new CheckThread(this.#limits.heapMiB);
    }
    return this.#thread.ask(bundles, this.#limits.deadlineMs);
  }

  #endThread(): void {
    void this.#thread?.end();
    this.#thread = null;
  }
}

/** The same in a thread that ends with the check: it waits for no other, and none waits for it. */
export async function checkBundles(
  bundles: readonly BundleText[],
  limits: CheckLimits = checkLimits,
): Promise<readonly BundleVerdict[]> {
  const checker = new BundleChecker(limits);
  try {
    return await checker.check(bundles);
  } finally {
    void checker.close();
  }
}

/** One thread; what it says too late is heard by nobody. */
class CheckThread {
  readonly #worker: Worker;
  #answer: PromiseWithResolvers<BundleProblems> | null = null;
  #ended = false;

  constructor(heapMiB: number) {
    this.#worker = new Worker(new URL('./check-thread.ts', import.meta.url), {
      resourceLimits: {
        maxOldGenerationSizeMb: heapMiB,
        maxYoungGenerationSizeMb: youngGenerationMiB,
      },
    });
    this.#worker.on('message', (answer: BundleProblems) => this.#answer?.resolve(answer));
    this.#worker.on('messageerror', (error) => this.#failed(error));
    this.#worker.on('error', (error) => this.#failed(error));
    this.#worker.on('exit', (code) => this.#failed(new Error(`the thread ended with ${code}`)));
    // After the listeners: with one for messages it would hold the process again.
    this.#worker.unref();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** To be called again only after it has answered. The time limit holds the process meanwhile. */
  async ask(bundles: readonly BundleText[], deadlineMs: number): Promise<BundleProblems> {
    const own = bundles.map(({ version, documentsJson }) => ({
      version,
      // Of its own: of a view the whole message would be copied.
      documentsJson: new Uint8Array(documentsJson),
    }));
    const answer = Promise.withResolvers<BundleProblems>();
    this.#answer = answer;
    const late = () => answer.reject(new Error(`no answer in ${deadlineMs} ms`));
    const timer = setTimeout(late, deadlineMs);
    try {
      this.#worker.postMessage(
        own,
        own.map(({ documentsJson }) => documentsJson.buffer),
      );
      return await answer.promise;
    } finally {
      clearTimeout(timer);
      this.#answer = null;
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #failed(error: unknown): void {
    this.#ended = true;
    this.#answer?.reject(error);
  }
}
