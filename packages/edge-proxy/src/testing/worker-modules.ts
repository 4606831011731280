/** What a request worker is made of, without the thread that `worker/entry.ts` must run in. */
export { createRequestWorker } from '../request/worker.ts';
export { createWorkerState } from '../state/worker-state.ts';
