import type { Log } from '@sallyport/shared/log';
import type { Lane } from '@sallyport/shared/state/model';
import type { ControlChannel } from '../../identity/control-channel.ts';
import { monotonicMs } from '../monotonic.ts';
import type { StreamEnd } from './sync-stream.ts';

export interface StreamLogOptions {
  readonly stream: string;
  readonly channel: Pick<ControlChannel, 'address' | 'trouble'>;
  readonly log: Log;
  /** Of the monotonic clock. */
  readonly nowMs?: () => number;
}

/** Attempts in vain are told so often; the first of them, and another reason, at once. */
const quietMs = 60_000;

/** What the log says of one stream: each opening and end, and seldom what is tried in vain. */
export class StreamLog {
  readonly #options: StreamLogOptions;
  readonly #nowMs: () => number;
  #opened = false;
  #explained = false;
  /** The reason and instant of the last line about an end since the stream was open; null: none. */
  #said: { readonly reason: string; readonly atMs: number } | null = null;
  /** Ends since then. */
  #unsaid = 0;

  constructor(options: StreamLogOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? monotonicMs;
  }

  /** Another stream is tried. */
  opening(): void {
    this.#opened = false;
  }

  /** The control plane has answered for all lanes. Says so once for each stream. */
  opened(target: number, lanes: Readonly<Partial<Record<Lane, string>>>): void {
    if (this.#opened) return;
    this.#opened = true;
    this.#explained = false;
    const { stream, channel, log } = this.#options;
    log.info('sync.stream_opened', { stream, server: channel.address(target), lanes });
  }

  ended(target: number, end: StreamEnd): void {
    if (!this.#explained && end.reason === 'failed' && end.next) void this.#explain(target);
    this.#unsaid += 1;
    const nowMs = this.#nowMs();
    const said = this.#opened ? null : this.#said;
    if (said?.reason === end.reason && nowMs - said.atMs < quietMs) return;
    const { stream, channel, log } = this.#options;
    const server = channel.address(target);
    log.warn('sync.stream_ended', { stream, server, ...end, count: this.#unsaid });
    this.#said = { reason: end.reason, atMs: nowMs };
    this.#unsaid = 0;
  }

  /** gRPC passes on the text of its libraries alone: asked once more, in words. */
  async #explain(target: number): Promise<void> {
    this.#explained = true;
    const { stream, channel, log } = this.#options;
    const server = channel.address(target);
    const trouble = await channel.trouble(target);
    log.warn('sync.control_plane_unreachable', { stream, server, trouble });
  }
}
