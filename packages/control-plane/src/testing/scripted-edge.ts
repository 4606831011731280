import { create } from '@bufbuild/protobuf';
import {
  AckStage,
  type Frame,
  type Heartbeat,
  laneFromWire,
  laneToWire,
  NackCode,
  opsFromBytes,
  positionFromWire,
  positionToWire,
  type Resume,
  ResumeMode,
  type Shard,
  type SyncRequest,
  SyncRequestSchema,
  type SyncResponse,
} from '@sallyport/proto';
import type { ClientDuplexStream, EdgeSyncClient, ServiceError } from '@sallyport/proto/grpc';
import type { Lane, Position, StateOp } from '@sallyport/shared/state/model';

/** What a scripted edge has of one lane, and how it came by it. */
export interface ScriptedLane {
  head: Position | null;
  readonly resumes: ('tail' | 'shards' | 'wait' | 'other')[];
  /** All ops in the order in which they came: those of the last whole state, then of frames. */
  ops: StateOp[];
  shards: Uint8Array[];
  framesTaken: number;
}

const modeNames = new Map<ResumeMode, 'tail' | 'shards' | 'wait'>([
  [ResumeMode.TAIL, 'tail'],
  [ResumeMode.SHARDS, 'shards'],
  [ResumeMode.WAIT, 'wait'],
]);

/**
 * The other side of a Sync stream, in plain sight: it takes what comes, fails loudly on a gap, and
 * acknowledges if told to.
 */
export class ScriptedEdge {
  readonly lanes = new Map<Lane, ScriptedLane>();
  readonly heartbeats: Heartbeat[] = [];
  readonly problems: string[] = [];
  /** Set once the stream is over. */
  end: { readonly code: number; readonly details: string } | null = null;
  readonly #call: ClientDuplexStream<SyncRequest, SyncResponse>;
  readonly #acknowledge: boolean;
  #changed = Promise.withResolvers<void>();

  constructor(
    client: EdgeSyncClient,
    have: Partial<Record<Lane, Position | null>>,
    options: { readonly acknowledge?: boolean; readonly protocol?: number } = {},
  ) {
    this.#acknowledge = options.acknowledge ?? true;
    this.#call = client.sync();
    this.#call.on('data', (response: SyncResponse) => this.#take(response));
    this.#call.on('error', (error: ServiceError) => {
      this.end = { code: error.code, details: error.details };
      this.#notify();
    });
    const entries = Object.entries(have) as [Lane, Position | null][];
    for (const [lane, head] of entries) {
      this.lanes.set(lane, { head, resumes: [], ops: [], shards: [], framesTaken: 0 });
    }
    this.send({
      case: 'hello',
      value: {
        $typeName: 'sallyport.v1.Hello',
        protocol: options.protocol ?? 1,
        softwareVersion: 'test-1',
        region: 'north',
        labels: {},
        have: entries.map(([lane, head]) => ({
          $typeName: 'sallyport.v1.LanePosition',
          lane: laneToWire(lane),
          ...(head === null ? {} : { position: positionToWire(head) }),
        })),
      },
    });
  }

  lane(name: Lane): ScriptedLane {
    const lane = this.lanes.get(name);
    if (lane === undefined) throw new Error(`lane ${name} is not on this stream`);
    return lane;
  }

  send(message: SyncRequest['message']): void {
    this.#call.write(create(SyncRequestSchema, { message }));
  }

  ack(lane: Lane, position: Position, stage: AckStage = AckStage.ENFORCED): void {
    this.send({
      case: 'ack',
      value: {
        $typeName: 'sallyport.v1.Ack',
        lane: laneToWire(lane),
        position: positionToWire(position),
        stage,
        tookUs: 1n,
      },
    });
  }

  nack(lane: Lane, position: Position, detail: string): void {
    this.send({
      case: 'nack',
      value: {
        $typeName: 'sallyport.v1.Nack',
        lane: laneToWire(lane),
        position: positionToWire(position),
        code: NackCode.COMPILE,
        detail,
      },
    });
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  close(): void {
    this.#call.cancel();
  }

  /** Resolves when the condition holds; it is looked at after each message. */
  async until(condition: () => boolean, timeoutMs = 15_000): Promise<void> {
    const late = setTimeout(() => this.#changed.reject(new Error('it never came')), timeoutMs);
    try {
      while (!condition()) await this.#changed.promise;
    } finally {
      clearTimeout(late);
    }
  }

  async untilHead(lane: Lane, wanted: Position): Promise<void> {
    await this.until(() => {
      const { head } = this.lane(lane);
      return head !== null && head.epoch === wanted.epoch && head.rev >= wanted.rev;
    });
  }

  #take({ message }: SyncResponse): void {
    if (message.case === 'resume') this.#takeResume(message.value);
    else if (message.case === 'shard') this.#takeShard(message.value);
    else if (message.case === 'frame') this.#takeFrame(message.value);
    else if (message.case === 'heartbeat') this.heartbeats.push(message.value);
    this.#notify();
  }

  #takeResume(resume: Resume): void {
    this.#laneOf(resume).resumes.push(modeNames.get(resume.mode) ?? 'other');
  }

  #takeShard(shard: Shard): void {
    const lane = this.#laneOf(shard);
    if (shard.index === 0) lane.shards = [];
    if (shard.index !== lane.shards.length) this.problems.push(`shard ${shard.index}`);
    lane.shards.push(shard.body);
    if (lane.shards.length < shard.count) return;
    lane.ops = lane.shards.flatMap((body) => opsFromBytes(body));
    lane.head = positionFromWire(shard.position);
    this.#reached(shard, lane);
  }

  #takeFrame(frame: Frame): void {
    const lane = this.#laneOf(frame);
    const head = lane.head;
    if (head === null || head.epoch !== Number(frame.epoch) || head.rev !== Number(frame.prevRev)) {
      this.problems.push(`frame ${frame.rev} after ${head?.rev}`);
    }
    lane.head = { epoch: Number(frame.epoch), rev: Number(frame.rev) };
    lane.framesTaken += 1;
    lane.ops.push(...opsFromBytes(frame.body));
    this.#reached(frame, lane);
  }

  #reached(message: Pick<Frame, 'lane'>, lane: ScriptedLane): void {
    const name = laneFromWire(message.lane);
    if (this.#acknowledge && name !== null && lane.head !== null) this.ack(name, lane.head);
  }

  #laneOf(message: Pick<Frame, 'lane'>): ScriptedLane {
    const name = laneFromWire(message.lane);
    if (name === null) throw new Error('a lane that nobody asked for');
    return this.lane(name);
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
