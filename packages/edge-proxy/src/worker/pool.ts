import { MessageChannel, Worker } from 'node:worker_threads';
import type { Log } from '@sallyport/shared/log';
import type { SharedPlaces } from '../places/place-file.ts';
import type { Sighting } from '../sightings/sighting.ts';
import type { StateTables } from '../state/2-store/state-tables.ts';
import { type Delivery, Distributor, type Stage } from './distributor.ts';
import type {
  CallMessage,
  CallName,
  CallTable,
  DroppedRecords,
  FromWorker,
  ListenerName,
  RecordLines,
  ToWorker,
  WorkerCredentials,
  WorkerInit,
} from './messages.ts';
import type { CallResult, ListenAddress } from './request-worker.ts';

type WorkerMetrics = Extract<FromWorker, { readonly type: 'metrics' }>['metrics'];

export interface PoolHandlers {
  onRecords(records: readonly RecordLines[], dropped: DroppedRecords): void;
  onSightings(sightings: readonly Sighting[], dropped: number): void;
  onCall(call: CallMessage): Promise<CallResult<CallTable[CallName]['value']>>;
  onStage(stage: Stage, delivery: Delivery): void;
  /** What keeps a worker from deciding has changed; `notReadyReasons` says what it is now. */
  onReadiness(): void;
  /** A worker has ended that was not asked to. */
  onDeath(index: number, error: Error): void;
}

export interface PoolOptions {
  readonly workers: number;
  readonly init: Omit<WorkerInit, 'index' | 'state' | 'layout' | 'youngBytes'>;
  /** What the workers read. */
  readonly tables: StateTables;
  readonly handlers: PoolHandlers;
  readonly log: Log;
}

const metricsWaitMs = 1_000;
const drainGraceMs = 2_000;
const startWaitMs = 30_000;

/** The request workers, as the main thread sees them. */
export class WorkerPool {
  readonly distributor: Distributor;
  readonly #members: readonly Member[];

  private constructor(options: PoolOptions) {
    const { workers, handlers } = options;
    this.distributor = new Distributor(
      workers,
      (message) => this.#postAll(message),
      (stage, delivery) => handlers.onStage(stage, delivery),
    );
    this.#members = Array.from(
      { length: workers },
      (_, index) => new Member(index, options, this.distributor),
    );
  }

  /** Starts the workers; resolves when all of them can take messages. */
  static async start(options: PoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options);
    await Promise.all(pool.#members.map((member) => member.expect('started', startWaitMs)));
    return pool;
  }

  /**
   * Opens a listener in every worker; resolves with the port. With port 0 the first worker
   * finds one and the others share it.
   */
  async listen(
    address: Omit<ListenAddress, 'reusePort'>,
    what: ListenerName = 'public',
  ): Promise<number> {
    const reusePort = this.#members.length > 1;
    let { port } = address;
    for (const member of this.#members) {
      port = await member.listen(what, { ...address, port, reusePort });
    }
    return port;
  }

  setCredentials(credentials: WorkerCredentials): void {
    this.#postAll({ type: 'credentials', credentials });
  }

  setPlaces(places: SharedPlaces): void {
    this.#postAll({ type: 'places', places });
  }

  get size(): number {
    return this.#members.length;
  }

  /** Why some worker cannot decide; empty: all can. */
  notReadyReasons(): readonly string[] {
    return [...new Set(this.#members.flatMap((member) => member.notReady))];
  }

  /** Whether some worker turns requests away, for it has too much to do. */
  get overloaded(): boolean {
    return this.#members.some((member) => member.overloaded);
  }

  /** The metrics of every worker that answers in time. */
  async metrics(): Promise<readonly WorkerMetrics[]> {
    const answers = await Promise.allSettled(this.#members.map((member) => member.metrics()));
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  /** Stops accepting, waits for open exchanges up to the deadline and ends the workers. */
  async drain(deadlineMs: number): Promise<void> {
    await Promise.all(this.#members.map((member) => member.drain(deadlineMs)));
  }

  #postAll(message: ToWorker): void {
    for (const member of this.#members) member.post(message);
  }
}

const youngGenerationMb = 64;
/** What V8 makes of that: three parts, each rounded up to a power of two. */
const youngBytes = 3 * 2 ** Math.ceil(Math.log2(youngGenerationMb / 3)) * 2 ** 20;

class Member {
  notReady: readonly string[] = ['worker_starting'];
  overloaded = false;
  readonly #worker: Worker;
  readonly #options: PoolOptions;
  readonly #distributor: Distributor;
  readonly #expected = new Map<string, PromiseWithResolvers<FromWorker>>();
  #metricsId = 0;
  #ending = false;
  #dead = false;
  /** Why it is going to end. */
  #failure: Error | null = null;

  constructor(index: number, options: PoolOptions, distributor: Distributor) {
    this.#options = options;
    this.#distributor = distributor;
    const { port1, port2 } = new MessageChannel();
    port1.unref();
    options.tables.announceLayout(port1);
    const state = options.tables.shared();
    const workerData: WorkerInit = { ...options.init, index, state, layout: port2, youngBytes };
    this.#worker = new Worker(new URL('./entry.ts', import.meta.url), {
      workerData,
      transferList: [port2],
      // What a request leaves behind dies young: with room for it, almost nothing is copied.
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
    });
    this.#worker.on('message', (message: FromWorker) => this.#take(index, message));
    this.#worker.on('error', (error) => this.#died(index, asError(error)));
    this.#worker.on('messageerror', (error) => this.#died(index, error));
    this.#worker.on('exit', (code) =>
      this.#died(index, this.#failure ?? new Error(`worker ended with ${code}`)),
    );
  }

  post(message: ToWorker): void {
    if (!this.#dead) this.#worker.postMessage(message);
  }

  async listen(what: ListenerName, address: ListenAddress): Promise<number> {
    const listening = this.expect('listening', startWaitMs);
    this.post({ type: 'listen', what, address });
    const answer = await listening;
    if (answer.type === 'listening') return answer.port;
    throw new Error(
      answer.type === 'listen_failed' ? answer.message : `unexpected answer ${answer.type}`,
    );
  }

  async metrics(): Promise<WorkerMetrics> {
    this.#metricsId += 1;
    const id = this.#metricsId;
    const answered = this.expect(`metrics:${id}`, metricsWaitMs);
    this.post({ type: 'metrics', id });
    const answer = await answered;
    return answer.type === 'metrics' ? answer.metrics : [];
  }

  async drain(deadlineMs: number): Promise<void> {
    this.#ending = true;
    if (this.#dead) return;
    const drained = this.expect('drained', deadlineMs + drainGraceMs);
    this.post({ type: 'drain', deadlineMs });
    await drained.catch((error: unknown) =>
      this.#options.log.warn('worker.not_drained', { error }),
    );
    await this.#worker.terminate();
  }

  /** The next message with this name; rejects when it does not come in time. */
  async expect(name: string, waitMs: number): Promise<FromWorker> {
    const expected = Promise.withResolvers<FromWorker>();
    this.#expected.set(name, expected);
    const timer = setTimeout(
      () => expected.reject(new Error(`the worker did not answer ${name} in ${waitMs} ms`)),
      waitMs,
    );
    try {
      return await expected.promise;
    } finally {
      clearTimeout(timer);
      this.#expected.delete(name);
    }
  }

  #take(index: number, message: FromWorker): void {
    const { handlers } = this.#options;
    switch (message.type) {
      case 'started':
      case 'listening':
      case 'drained':
        return this.#expected.get(message.type)?.resolve(message);
      case 'listen_failed':
        return this.#expected.get('listening')?.resolve(message);
      case 'metrics':
        return this.#expected.get(`metrics:${message.id}`)?.resolve(message);
      case 'applied':
        return this.#distributor.onApplied(index, message.seq);
      case 'enforced':
        return this.#distributor.onEnforced(index, message.seq);
      case 'readiness':
        this.notReady = message.reasons;
        return handlers.onReadiness();
      case 'failed':
        this.#failure = asError(message.error);
        return;
      case 'overload':
        this.overloaded = message.overloaded;
        return;
      case 'call':
        void this.#answer(message);
        return;
      case 'records':
        handlers.onRecords(message.records, message.dropped);
        return this.post({ type: 'records_taken', batches: 1 });
      case 'sightings':
        handlers.onSightings(message.sightings, message.dropped);
        return this.post({ type: 'sightings_taken', batches: 1 });
    }
  }

  async #answer(call: CallMessage): Promise<void> {
    const result = await this.#options.handlers.onCall(call);
    this.post({ type: 'reply', id: call.id, result });
  }

  #died(index: number, error: Error): void {
    if (this.#dead) return;
    this.#dead = true;
    this.notReady = ['worker_dead'];
    for (const expected of this.#expected.values()) expected.reject(error);
    if (!this.#ending) this.#options.handlers.onDeath(index, error);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
