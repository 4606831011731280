import { type ClientDuplexStream, type EdgeSyncClient, status } from '@sallyport/proto/grpc';
import type { Log } from '@sallyport/shared/log';
import { serviceErrorCode } from '../identity/call-failure.ts';
import type { ControlChannel } from '../identity/control-channel.ts';
import { pause, reconnectDelayMs } from '../state/1-sync/reconnect.ts';

/** Batches sent and not yet acknowledged. */
const windowMax = 4;
const goodStreamMs = 10_000;

export interface BatchUplinkOptions<Batch, Request, Response> {
  readonly channel: Pick<ControlChannel, 'connect' | 'targets' | 'address'>;
  readonly log: Log;
  /** Event of the log when a stream has ended. */
  readonly streamEnded: string;
  readonly open: (client: EdgeSyncClient) => ClientDuplexStream<Request, Response>;
  /** What goes next, taken out of where it waits; null: nothing waits. */
  readonly next: () => Batch | null;
  /** Whether nothing waits. */
  readonly isEmpty: () => boolean;
  /** The batch as it is said now: asked for again where it is sent again. */
  readonly request: (batch: Batch, number: bigint) => Request;
  /** Told of what was acknowledged, which is under way no more. */
  readonly taken?: (batches: readonly Batch[]) => void;
}

interface Sent<Batch> {
  readonly number: bigint;
  readonly batch: Batch;
}

/**
 * Sends batches upward on a stream of its own. They are kept until they are acknowledged, and sent
 * again on the next stream, of another control plane if there is one, where they were not.
 */
export class BatchUplink<Batch, Request, Response extends { readonly batch: bigint }> {
  readonly #options: BatchUplinkOptions<Batch, Request, Response>;
  readonly #stopping = new AbortController();
  #unacknowledged: Sent<Batch>[] = [];
  #call: ClientDuplexStream<Request, Response> | null = null;
  #last = 0n;
  #running: Promise<void> = Promise.resolve();
  readonly #idle: (() => void)[] = [];

  constructor(options: BatchUplinkOptions<Batch, Request, Response>) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#keep();
  }

  /** Sends what waits, as far as the window lets it. */
  send(): void {
    while (this.#call !== null && this.#unacknowledged.length < windowMax) {
      const batch = this.#options.next();
      if (batch === null) break;
      this.#last += 1n;
      const sent = { number: this.#last, batch };
      this.#unacknowledged.push(sent);
      this.#write(this.#call, sent);
    }
    if (!this.#isIdle()) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Those that were sent and not acknowledged. */
  get underWay(): readonly Batch[] {
    return this.#unacknowledged.map(({ batch }) => batch);
  }

  /** Tries to get rid of everything, for so long at the most, and ends the stream. */
  async stop(flushMs: number): Promise<void> {
    if (!this.#isIdle()) {
      const idle = new Promise<void>((resolve) => this.#idle.push(resolve));
      this.send();
      await Promise.race([idle, pause(flushMs, this.#stopping.signal)]);
    }
    this.#stopping.abort();
    this.#call?.cancel();
    await this.#running;
  }

  #isIdle(): boolean {
    return this.#unacknowledged.length === 0 && this.#options.isEmpty();
  }

  async #keep(): Promise<void> {
    const { channel, log, streamEnded, open } = this.#options;
    const { signal } = this.#stopping;
    let target = Math.floor(Math.random() * channel.targets);
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const openedAtMs = performance.now();
      const client = channel.connect(target, 'calls');
      const problem = await this.#run(open(client));
      client.close();
      if (signal.aborted) return;
      log.warn(streamEnded, { server: channel.address(target), problem });
      target += 1;
      if (performance.now() - openedAtMs >= goodStreamMs) attempt = 0;
      await pause(reconnectDelayMs(attempt), signal);
    }
  }

  async #run(call: ClientDuplexStream<Request, Response>): Promise<string> {
    this.#call = call;
    call.on('error', () => undefined);
    for (const sent of this.#unacknowledged) this.#write(call, sent);
    this.send();
    try {
      for await (const { batch } of call as AsyncIterable<Response>) {
        this.#confirm(batch);
        this.send();
      }
      return 'the control plane closed the stream';
    } catch (error) {
      return problemOf(error);
    } finally {
      this.#call = null;
      call.cancel();
    }
  }

  #confirm(last: bigint): void {
    const taken = this.#unacknowledged.filter(({ number }) => number <= last);
    this.#unacknowledged = this.#unacknowledged.filter(({ number }) => number > last);
    this.#options.taken?.(taken.map(({ batch }) => batch));
  }

  #write(call: ClientDuplexStream<Request, Response>, { batch, number }: Sent<Batch>): void {
    call.write(this.#options.request(batch, number));
  }
}

/** Of a control plane that cannot be reached, gRPC has only its libraries' own text to tell. */
function problemOf(error: unknown): string {
  const code = serviceErrorCode(error);
  const name = code === null ? undefined : status[code];
  if (!(error instanceof Error) || name === undefined) return String(error);
  return code === status.UNAVAILABLE ? name : error.message;
}
