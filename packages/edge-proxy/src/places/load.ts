import { Worker } from 'node:worker_threads';
import type { LoadedFile, PlaceKind, Refused } from './place-file.ts';

const deadlineMs = 120_000;
const heapMiB = 256;

/**
 * Loads a file in a thread of its own: reading and checking 60 MB takes a second or two, in which the
 * main thread goes on. Never rejects; a thread that does not come to an end is ended.
 */
export function loadInThread(
  path: string,
  kind: PlaceKind,
  signal: AbortSignal,
): Promise<LoadedFile> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL('./load-thread.ts', import.meta.url), {
      workerData: { path, kind },
      resourceLimits: { maxOldGenerationSizeMb: heapMiB, maxYoungGenerationSizeMb: 8 },
    });
    const settle = (result: LoadedFile): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      resolve(result);
      void worker.terminate();
    };
    const failed = (detail: string): void => settle(checkFailed(detail));
    const timer = setTimeout(() => failed(`no answer in ${deadlineMs} ms`), deadlineMs);
    timer.unref();
    const stop = (): void => failed('the edge is about to end');
    signal.addEventListener('abort', stop);
    worker.on('message', (result: LoadedFile) => settle(result));
    worker.on('messageerror', (error) => failed(error.message));
    worker.on('error', (error) => failed(error instanceof Error ? error.message : String(error)));
    worker.on('exit', (code) => failed(`the thread ended with ${code}`));
    worker.unref();
  });
}

function checkFailed(detail: string): Refused {
  return { ok: false, code: 'check_failed', detail };
}
