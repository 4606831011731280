import type { SyncRequest, SyncResponse } from '@sallyport/proto';
import type { EdgeSyncClient } from '@sallyport/proto/grpc';
import type { Log } from '@sallyport/shared/log';
import type { Lane } from '@sallyport/shared/state/model';
import type { StreamPath } from '@sallyport/shared/sync/edge-lane-model';
import type { ConnectionUse, ControlChannel } from '../../identity/control-channel.ts';
import { barredDelayMs, pause, reconnectDelayMs } from './reconnect.ts';
import { StreamLog } from './stream-log.ts';
import { type StreamEnd, SyncStream } from './sync-stream.ts';

export type StreamName = 'revoke' | 'bulk' | 'standby';

export interface StreamKeeperOptions {
  readonly name: StreamName;
  readonly path: StreamPath;
  readonly lanes: readonly Lane[];
  readonly use: ConnectionUse;
  readonly channel: Pick<ControlChannel, 'connect' | 'targets' | 'address' | 'trouble'>;
  /** Hello with what the edge has of the lanes now. */
  readonly hello: () => SyncRequest;
  readonly onOpened: () => void;
  readonly onClosed: () => void;
  readonly take: (message: SyncResponse) => Promise<boolean>;
  readonly onEnd: (end: StreamEnd) => void;
  /** Control planes that another stream is to have for itself. */
  readonly avoid: () => number | null;
  readonly log: Log;
  readonly random: () => number;
}

/** A stream that lived this long was a good one: the next attempt starts without a backoff. */
const goodStreamMs = 10_000;
/**
 * The longest wait between two attempts. A connection that is refused costs nobody much, and one
 * that comes late is an edge that knows less; load is what a control plane speaks up about itself.
 */
const backoffMsMax = { revoke: 3_000, standby: 3_000, bulk: 5_000 } as const;
/** Being told to wait, everybody at once would come back at once. */
const retryJitter = 0.5;

/** Keeps one stream open for as long as it is wanted: from one control plane to the next. */
export class StreamKeeper {
  readonly #options: StreamKeeperOptions;
  readonly #stopping = new AbortController();
  readonly #log: StreamLog;
  /** Ends the pause between two streams. */
  #waking = new AbortController();
  #wanted = true;
  #stream: SyncStream | null = null;
  #target: number;
  #running: Promise<void> = Promise.resolve();

  constructor(options: StreamKeeperOptions) {
    this.#options = options;
    const { name, channel, log } = options;
    this.#log = new StreamLog({ stream: name, channel, log });
    this.#target = Math.floor(options.random() * options.channel.targets);
  }

  get lanes(): readonly Lane[] {
    return this.#options.lanes;
  }

  /** The stream that is open; null: none is. */
  get stream(): SyncStream | null {
    return this.#stream;
  }

  /** Which control plane the stream is at, or goes to next. */
  get target(): number {
    return this.#target % this.#options.channel.targets;
  }

  /** To be called when the control plane has answered for all lanes, with what it said of each. */
  opened(lanes: Readonly<Partial<Record<Lane, string>>>): void {
    if (this.#stream !== null) this.#log.opened(this.#target, lanes);
  }

  start(): void {
    this.#running = this.#keep();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.reconnect();
    await this.#running;
  }

  /** Opens the stream anew, at once: with renewed credentials, or at another control plane. */
  reconnect(): void {
    this.#stream?.end('stopped', 'to be opened again', false);
    this.#waking.abort();
  }

  /** While it is not wanted, the stream is closed and stays so. */
  want(wanted: boolean): void {
    if (this.#wanted === wanted) return;
    this.#wanted = wanted;
    this.reconnect();
  }

  async #keep(): Promise<void> {
    const { onEnd, name, random } = this.#options;
    const { signal } = this.#stopping;
    let client: EdgeSyncClient | null = null;
    let attempt = 0;
    while (!signal.aborted) {
      if (!this.#wanted) {
        await this.#pause(60_000);
        continue;
      }
      const openedAtMs = performance.now();
      client ??= this.#connect();
      const end = await this.#run(client);
      // One that only asked for patience is asked again on the connection that we have.
      if (end.retryAfterMs === null) client = closed(client);
      if (signal.aborted) break;
      if (end.reason === 'stopped') continue;
      onEnd(end);
      this.#log.ended(this.#target, end);
      if (performance.now() - openedAtMs >= goodStreamMs) attempt = 0;
      if (end.next) this.#target += 1;
      await this.#pause(delayMs(end, attempt, random, backoffMsMax[name]));
      attempt += 1;
    }
    client?.close();
  }

  #connect(): EdgeSyncClient {
    const { channel, avoid, use } = this.#options;
    if (channel.targets > 1 && avoid() === this.target) this.#target += 1;
    return channel.connect(this.#target, use);
  }

  async #run(client: EdgeSyncClient): Promise<StreamEnd> {
    const { hello, take, onOpened, onClosed } = this.#options;
    const stream = new SyncStream({ call: client.sync(), hello: hello(), take, onOpened });
    this.#stream = stream;
    this.#log.opening();
    try {
      return await stream.run();
    } finally {
      this.#stream = null;
      onClosed();
    }
  }

  async #pause(ms: number): Promise<void> {
    this.#waking = new AbortController();
    await pause(ms, AbortSignal.any([this.#stopping.signal, this.#waking.signal]));
  }
}

function closed(client: EdgeSyncClient): null {
  client.close();
  return null;
}

function delayMs(
  { reason, retryAfterMs }: StreamEnd,
  attempt: number,
  random: () => number,
  maxMs: number,
): number {
  if (retryAfterMs !== null) return retryAfterMs * (1 + retryJitter * random());
  if (reason === 'barred') return barredDelayMs(attempt, random);
  return reconnectDelayMs(attempt, random, maxMs);
}
