import { once } from 'node:events';
import { laneFromWire, type SyncRequest, type SyncResponse } from '@sallyport/proto';
import type { ClientDuplexStream } from '@sallyport/proto/grpc';
import type { Log } from '@sallyport/shared/log';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { Delivery, Stage } from '../../worker/distributor.ts';
import { isStoredLane, type StoredLane } from '../2-store/lane-store.ts';
import { samePosition } from '../position.ts';
import { AckSender } from './ack-sender.ts';
import type { Refusal } from './admit-rows.ts';
import type { LaneBoard } from './lane-board.ts';
import type { LaneIntake, Taken } from './lane-intake.ts';
import {
  type LaneTracker,
  onFrame,
  onHeartbeatHead,
  onResume,
  onShard,
  type ResyncReason,
  type Stepped,
  startTracker,
} from './lane-tracker.ts';
import {
  ackMessage,
  helloMessage,
  nackMessage,
  readFrame,
  readHeads,
  readResume,
  readShard,
} from './wire.ts';

/** How a stream ended and so how the next one is to be opened. */
export interface StreamEnd {
  readonly reason: ResyncReason | 'closed' | 'silent' | 'failed' | 'stopped';
  /** For the log. */
  readonly detail: string;
  /** Whether every lane was resumed. */
  readonly resumed: boolean;
}

export interface SyncStreamOptions {
  readonly call: ClientDuplexStream<SyncRequest, SyncResponse>;
  readonly lanes: readonly StoredLane[];
  readonly hello: {
    readonly softwareVersion: string;
    readonly region: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly board: LaneBoard;
  readonly intake: Pick<LaneIntake, 'frame' | 'state'>;
  readonly onRefusal: (lane: Lane, refusal: Refusal) => void;
  readonly log: Log;
}

/** The control plane sends a heartbeat each second; silence this long means that it is gone. */
const silenceMsMax = 10_000;
const silenceCheckMs = 1_000;
const farewellMsMax = 1_000;

/** One stream, from Hello to its end. Messages are taken one after the other. */
export class SyncStream {
  readonly #options: SyncStreamOptions;
  readonly #acks: AckSender;
  readonly #trackers = new Map<Lane, LaneTracker>();
  #lastMessageAtMs = performance.now();
  #busy = false;
  #nacked = false;
  #end: StreamEnd | null = null;

  constructor(options: SyncStreamOptions) {
    this.#options = options;
    this.#acks = new AckSender(options.call);
    for (const lane of options.lanes) {
      const { taken, fresh } = options.board.get(lane);
      this.#trackers.set(lane, startTracker(lane, fresh ? null : taken));
    }
  }

  /** Runs until the stream ends. Never rejects for what the other side does. */
  async run(): Promise<StreamEnd> {
    const { call, lanes, hello } = this.#options;
    const have = lanes.map((lane) => ({ lane, position: this.#trackers.get(lane)?.head ?? null }));
    const messages = call.iterator({ destroyOnReturn: false }) as AsyncIterable<SyncResponse>;
    const watch = setInterval(() => this.#checkSilence(), silenceCheckMs);
    // Errors also end the iteration below; without a listener a late one would end the process.
    call.on('error', () => undefined);
    try {
      call.write(helloMessage({ ...hello, have }));
      for await (const message of messages) {
        this.#busy = true;
        await this.#take(message);
        this.#busy = false;
        this.#lastMessageAtMs = performance.now();
        if (this.#end !== null) break;
      }
      return this.#end ?? this.#ended('closed', 'the control plane closed the stream');
    } catch (error) {
      return this.#end ?? this.#ended('failed', error instanceof Error ? error.message : 'unknown');
    } finally {
      clearInterval(watch);
      await this.#farewell();
    }
  }

  /** Ends the stream from this side. */
  stop(): void {
    this.#finish('stopped', 'stopped');
  }

  /** Whether the control plane has answered Hello for every lane. */
  resumed(): boolean {
    return [...this.#trackers.values()].every(({ phase }) => phase.kind !== 'greeting');
  }

  /** Passes on what the workers have reached, if this stream carries the lane and is resumed. */
  acknowledge(stage: Stage, { lane, position, arrivedAtMs }: Delivery): void {
    if (this.#trackers.get(lane)?.phase.kind !== 'tail' || this.#end !== null) return;
    const tookMs = performance.now() - arrivedAtMs;
    this.#acks.send(lane, stage, ackMessage(lane, position, stage, tookMs));
  }

  async #take({ message }: SyncResponse): Promise<void> {
    const arrivedAtMs = performance.now();
    switch (message.case) {
      case 'resume': {
        const resume = readResume(message.value);
        if (resume === null) return this.#finish('unexpected', 'unknown resume mode');
        return this.#stepWire(message.value.lane, arrivedAtMs, (tracker) =>
          onResume(tracker, resume.mode, resume.head),
        );
      }
      case 'shard': {
        const shard = readShard(message.value);
        if (shard === null) return this.#finish('unexpected', 'shard without a position');
        return this.#stepWire(message.value.lane, arrivedAtMs, (tracker) =>
          onShard(tracker, shard),
        );
      }
      case 'frame': {
        const frame = readFrame(message.value);
        return this.#stepWire(message.value.lane, arrivedAtMs, (tracker) =>
          onFrame(tracker, frame),
        );
      }
      case 'heartbeat':
        return this.#onHeartbeat(message.value, arrivedAtMs);
      case undefined:
        // A message of a newer protocol.
        return;
    }
  }

  /** A lane that this stream does not carry is ignored. */
  async #stepWire(
    wireLane: Parameters<typeof laneFromWire>[0],
    arrivedAtMs: number,
    next: (tracker: LaneTracker) => Stepped,
  ): Promise<void> {
    const lane = laneFromWire(wireLane);
    if (lane !== null && isStoredLane(lane)) await this.#step(lane, arrivedAtMs, next);
  }

  async #step(
    lane: StoredLane,
    arrivedAtMs: number,
    next: (tracker: LaneTracker) => Stepped,
  ): Promise<void> {
    const tracker = this.#trackers.get(lane);
    if (tracker === undefined) return;
    const { tracker: stepped, step } = next(tracker);
    this.#trackers.set(lane, stepped);
    if (tracker.phase.kind === 'greeting' && stepped.phase.kind === 'tail') this.#repeatAcks(lane);
    const { intake, log } = this.#options;
    switch (step.action) {
      case 'none':
        return;
      case 'frame': {
        const arrival = { lane, position: step.position, arrivedAtMs };
        return this.#onTaken(lane, step.position, await intake.frame(arrival, step.body));
      }
      case 'shards': {
        const arrival = { lane, position: step.position, arrivedAtMs };
        return this.#onTaken(lane, step.position, await intake.state(arrival, step.bodies));
      }
      case 'replay':
        log.warn('sync.replay_dropped', { lane, position: step.position });
        return;
      case 'wait':
        log.debug('sync.replica_behind', { lane });
        return;
      case 'refuse':
        return this.#refused(lane, step.position, step);
      case 'resync':
        if (step.fresh) this.#options.board.set(lane, { fresh: true });
        return this.#finish(step.reason, lane);
    }
  }

  #onTaken(lane: StoredLane, position: Position, taken: Taken): void {
    switch (taken.kind) {
      case 'taken':
        this.#options.board.set(lane, { taken: position, fresh: false });
        return;
      case 'partly':
        this.#options.board.set(lane, { taken: position, fresh: false });
        for (const refusal of taken.refusals) this.#nack(lane, position, refusal);
        return;
      case 'refused':
        return this.#refused(lane, position, taken.refusal);
    }
  }

  /** Half-understood state is never applied: the last good one serves until a whole one comes. */
  #refused(lane: StoredLane, position: Position, refusal: Refusal): void {
    this.#nack(lane, position, refusal);
    this.#options.board.set(lane, { fresh: true });
    this.#finish('refused', `${lane}: ${refusal.code} ${refusal.detail}`);
  }

  #nack(lane: Lane, position: Position, { code, detail }: Refusal): void {
    this.#nacked = true;
    this.#options.onRefusal(lane, { code, detail });
    this.#options.call.write(nackMessage(lane, position, { code, detail }));
  }

  async #onHeartbeat(
    heartbeat: Parameters<typeof readHeads>[0],
    arrivedAtMs: number,
  ): Promise<void> {
    const asOfMs = arrivedAtMs - Number(heartbeat.logAgeMs);
    for (const { lane, head } of readHeads(heartbeat)) {
      const tracker = this.#trackers.get(lane);
      if (tracker === undefined || !isStoredLane(lane)) continue;
      const complete = tracker.phase.kind === 'tail' && samePosition(tracker.head, head);
      const { completeAtMs } = this.#options.board.get(lane);
      if (complete && asOfMs > (completeAtMs ?? Number.NEGATIVE_INFINITY)) {
        this.#options.board.set(lane, { completeAtMs: asOfMs });
      }
      await this.#step(lane, arrivedAtMs, (current) => onHeartbeatHead(current, head));
    }
  }

  /** What an earlier stream could not say any more: how far the workers are. */
  #repeatAcks(lane: StoredLane): void {
    const { applied, enforced } = this.#options.board.get(lane);
    if (applied !== null) this.#acks.send(lane, 'applied', ackMessage(lane, applied, 'applied', 0));
    if (enforced === null) return;
    this.#acks.send(lane, 'enforced', ackMessage(lane, enforced, 'enforced', 0));
  }

  #checkSilence(): void {
    if (this.#busy || performance.now() - this.#lastMessageAtMs < silenceMsMax) return;
    this.#finish('silent', `nothing for ${silenceMsMax} ms`);
  }

  #finish(reason: StreamEnd['reason'], detail: string): void {
    this.#end ??= this.#ended(reason, detail);
    // While a message is being taken, `run` looks at the end itself.
    if (!this.#busy) this.#options.call.cancel();
  }

  /** Lets what was written last, a NACK above all, go out before the stream is given up. */
  async #farewell(): Promise<void> {
    const { call } = this.#options;
    if (this.#nacked) {
      call.end();
      call.resume();
      await once(call, 'status', { signal: AbortSignal.timeout(farewellMsMax) }).catch(
        () => undefined,
      );
    }
    call.cancel();
  }

  #ended(reason: StreamEnd['reason'], detail: string): StreamEnd {
    return { reason, detail, resumed: this.resumed() };
  }
}
