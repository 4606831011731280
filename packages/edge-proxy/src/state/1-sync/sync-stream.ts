import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SyncRequest, SyncResponse } from '@sallyport/proto';
import { type ClientDuplexStream, Metadata, status } from '@sallyport/proto/grpc';
import { serviceErrorCode } from '../../identity/call-failure.ts';
import { Upward } from './upward.ts';

/** How a stream ended and so how the next one is to be opened. */
export interface StreamEnd {
  readonly reason: string;
  /** For the log. */
  readonly detail: string;
  /** Try another control plane. */
  readonly next: boolean;
  /** What the control plane asked to wait, milliseconds; null: nothing. */
  readonly retryAfterMs: number | null;
}

export interface SyncStreamOptions {
  readonly call: ClientDuplexStream<SyncRequest, SyncResponse>;
  readonly hello: SyncRequest;
  /** Called once Hello is on its way. */
  readonly onOpened: () => void;
  /** Takes one message; false: it cannot be read, and the stream is not worth more. */
  readonly take: (message: SyncResponse) => Promise<boolean>;
}

const farewellMsMax = 1_000;
const busyMsMax = 3;
const retryAfterMsMax = 120_000;

/** One stream, from Hello to its end. Messages are taken one after the other. */
export class SyncStream {
  readonly up: Upward;
  readonly #options: SyncStreamOptions;
  #messages = 0;
  #breathedAtMs = 0;
  #end: StreamEnd | null = null;
  #taking = false;
  /** While the message at hand was taken, a refusal was written. */
  #refused = false;

  constructor(options: SyncStreamOptions) {
    this.#options = options;
    this.up = new Upward(options.call, () => this.end('stalled', 'nothing is taken', true));
  }

  /** Whether a message is being taken, and what comes after it waits. */
  get taking(): boolean {
    return this.#taking;
  }

  /** Runs until the stream ends. Never rejects for what the other side does. */
  async run(): Promise<StreamEnd> {
    const { call, hello, onOpened, take } = this.#options;
    const messages = call.iterator({ destroyOnReturn: false }) as AsyncIterable<SyncResponse>;
    // Errors also end the iteration below; without a listener a late one would end the process.
    call.on('error', () => undefined);
    try {
      this.up.say(hello);
      onOpened();
      for await (const message of messages) {
        this.#messages += 1;
        this.#taking = true;
        this.#refused = false;
        if (!(await take(message))) this.end('unexpected', 'a message that cannot be read', true);
        if (this.#end !== null) break;
        this.#taking = false;
        await this.#breathe();
      }
      return this.#end ?? this.#ended('closed', 'the control plane closed the stream', null);
    } catch (error) {
      return this.#end ?? this.#failed(error);
    } finally {
      await this.#farewell();
    }
  }

  /** Gives the stream up from this side. */
  end(reason: string, detail: string, next: boolean): void {
    this.#end ??= { reason, detail, next, retryAfterMs: null };
    // While a message is being taken, `run` looks at the end itself.
    if (!this.#taking) this.#options.call.cancel();
  }

  /** A refusal is to go out, even if the stream ends for it. */
  refuse(message: SyncRequest): void {
    this.#refused = true;
    this.up.say(message);
  }

  /** Many messages may have come in one piece: the process has other things to do, too. */
  async #breathe(): Promise<void> {
    if (performance.now() - this.#breathedAtMs < busyMsMax) return;
    await nextTurn();
    this.#breathedAtMs = performance.now();
  }

  #failed(error: unknown): StreamEnd {
    const code = serviceErrorCode(error);
    const name = code === null ? null : status[code];
    const retryAfterMs = retryAfter(error);
    if (code === status.PERMISSION_DENIED || code === status.UNAUTHENTICATED) {
      return this.#ended('barred', `${name}`, null);
    }
    return this.#ended(retryAfterMs === null ? 'failed' : 'busy', name ?? 'unknown', retryAfterMs);
  }

  /** A stream that brought nothing says that this control plane is not there. */
  #ended(reason: string, detail: string, retryAfterMs: number | null): StreamEnd {
    const next = this.#messages === 0 && retryAfterMs === null;
    return { reason, detail, next, retryAfterMs };
  }

  /** Lets what was written last, a refusal above all, go out before the stream is given up. */
  async #farewell(): Promise<void> {
    const { call } = this.#options;
    if (this.#taking && this.#refused) {
      call.end();
      call.resume();
      await once(call, 'status', { signal: AbortSignal.timeout(farewellMsMax) }).catch(
        () => undefined,
      );
    }
    call.cancel();
  }
}

function retryAfter(error: unknown): number | null {
  if (!(error instanceof Error) || !('metadata' in error)) return null;
  const { metadata } = error;
  if (!(metadata instanceof Metadata)) return null;
  const text = metadata.get('retry-after-ms')[0]?.toString() ?? '';
  return /^\d{1,9}$/.test(text) ? Math.min(Number(text), retryAfterMsMax) : null;
}
