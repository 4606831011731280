import type { Log } from '@sallyport/shared/log';
import type { Lane, SecretRef } from '@sallyport/shared/state/model';
import type { ControlChannel } from '../../identity/control-channel.ts';
import type { Delivery, Distributor, Stage } from '../../worker/distributor.ts';
import { isStoredLane, type StoredLane } from '../2-store/lane-store.ts';
import type { Refusal } from './admit-rows.ts';
import { LaneBoard } from './lane-board.ts';
import { LaneIntake } from './lane-intake.ts';
import { pause, reconnectDelayMs } from './reconnect.ts';
import { type StreamEnd, SyncStream } from './sync-stream.ts';

/**
 * `revoke` has a stream, and so a TCP connection, of its own: nothing of the bulk lanes can stand
 * in its way.
 */
const streams = [
  { name: 'revoke', lanes: ['revoke'] },
  { name: 'bulk', lanes: ['config', 'directory'] },
] as const satisfies readonly { name: string; lanes: readonly StoredLane[] }[];
export type StreamName = (typeof streams)[number]['name'];

export interface SyncEvents {
  onStreamEnd(stream: StreamName, end: StreamEnd): void;
  onRefusal(lane: Lane, refusal: Refusal): void;
}

export interface SyncClientOptions {
  readonly channel: Pick<ControlChannel, 'connect' | 'targets'>;
  readonly distributor: Pick<Distributor, 'frame' | 'state'>;
  readonly rootPublicKey: Uint8Array;
  readonly hello: {
    readonly softwareVersion: string;
    readonly region: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly onSecrets: (secrets: ReadonlyMap<string, SecretRef>) => void;
  readonly events: SyncEvents;
  readonly log: Log;
  /** Of the waits between connections; Math.random by default. */
  readonly random?: () => number;
}

/** A stream that lived this long was a good one: the next attempt starts without a backoff. */
const goodStreamMs = 10_000;

/** Keeps both streams open for as long as the process runs. */
export class SyncClient {
  readonly board: LaneBoard = new LaneBoard();
  readonly #options: SyncClientOptions;
  readonly #intake: LaneIntake;
  readonly #open = new Map<StreamName, SyncStream>();
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: SyncClientOptions) {
    this.#options = options;
    this.#intake = new LaneIntake(options);
  }

  start(): void {
    this.#running = Promise.all(streams.map((stream) => this.#keep(stream.name, stream.lanes)));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const stream of this.#open.values()) stream.stop();
    await this.#running;
  }

  /** Opens both streams anew, one position after the other kept: with renewed credentials. */
  reconnect(): void {
    for (const stream of this.#open.values()) stream.stop();
  }

  connected(stream: StreamName): boolean {
    return this.#open.get(stream)?.resumed() ?? false;
  }

  /** To be called when the workers have reached a stage. */
  onStage(stage: Stage, delivery: Delivery): void {
    const { lane, position } = delivery;
    if (isStoredLane(lane)) this.board.set(lane, { [stage]: position });
    for (const stream of this.#open.values()) stream.acknowledge(stage, delivery);
  }

  async #keep(name: StreamName, lanes: readonly StoredLane[]): Promise<void> {
    const { signal } = this.#stopping;
    const { channel, events, log, random } = this.#options;
    let target = Math.floor((random ?? Math.random)() * channel.targets);
    let attempt = 0;
    while (!signal.aborted) {
      const openedAtMs = performance.now();
      const end = await this.#runStream(name, lanes, target);
      if (signal.aborted) return;
      events.onStreamEnd(name, end);
      log.warn('sync.stream_ended', { stream: name, ...end });
      if (end.reason === 'stopped') continue;
      if (end.resumed && performance.now() - openedAtMs >= goodStreamMs) attempt = 0;
      if (!end.resumed || end.reason === 'redirect') target += 1;
      await pause(reconnectDelayMs(attempt, random), signal);
      attempt += 1;
    }
  }

  async #runStream(
    name: StreamName,
    lanes: readonly StoredLane[],
    target: number,
  ): Promise<StreamEnd> {
    const { channel, hello, events, log } = this.#options;
    const client = channel.connect(target);
    const stream = new SyncStream({
      call: client.sync(),
      lanes,
      hello,
      board: this.board,
      intake: this.#intake,
      onRefusal: (lane, refusal) => events.onRefusal(lane, refusal),
      log: log.with({ stream: name }),
    });
    this.#open.set(name, stream);
    try {
      return await stream.run();
    } finally {
      this.#open.delete(name);
      client.close();
    }
  }
}
