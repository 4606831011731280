import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import {
  type Ack,
  type AckStage,
  type Hello,
  laneToWire,
  type Nack,
  opsToBytes,
  positionFromWire,
  positionToWire,
  ResumeMode,
  type SyncRequest,
  type SyncResponse,
  SyncResponseSchema,
} from '@sallyport/proto';
import type { ServerDuplexStream } from '@sallyport/proto/grpc';
import type { Lane, Position, StateOp } from '@sallyport/shared/state/model';
import { Arrivals } from './arrivals.ts';

/** One Sync stream of an edge, as a test drives it. */
export class ScriptedStream {
  readonly hello: Hello;
  readonly acks = new Arrivals<Ack>();
  readonly nacks = new Arrivals<Nack>();
  /** Resolves when the edge has gone. */
  readonly ended: Promise<void>;
  readonly #call: ServerDuplexStream<SyncRequest, SyncResponse>;

  constructor(call: ServerDuplexStream<SyncRequest, SyncResponse>, hello: Hello) {
    this.#call = call;
    this.hello = hello;
    call.on('data', ({ message }: SyncRequest) => {
      if (message.case === 'ack') this.acks.push(message.value);
      if (message.case === 'nack') this.nacks.push(message.value);
    });
    this.ended = new Promise((resolve) => {
      call.on('end', () => resolve());
      call.on('cancelled', () => resolve());
    });
  }

  /** What Hello says that the edge has of a lane; undefined: Hello does not name the lane. */
  have(lane: Lane): Position | null | undefined {
    const entry = this.hello.have.find((one) => one.lane === laneToWire(lane));
    return entry === undefined ? undefined : positionFromWire(entry.position);
  }

  /** Address and port of the edge's end of the connection. */
  get peer(): string {
    return this.#call.getPeer();
  }

  /** Fingerprint of the certificate that the edge presented. */
  get edgeCertificate(): string | undefined {
    return this.#call.getAuthContext().sslPeerCertificate?.fingerprint256;
  }

  get lanes(): readonly Lane[] {
    return (['revoke', 'signals', 'config', 'directory'] as const).filter(
      (lane) => this.have(lane) !== undefined,
    );
  }

  resume(lane: Lane, mode: ResumeMode, head: Position): void {
    this.#send({
      case: 'resume',
      value: { lane: laneToWire(lane), mode, head: positionToWire(head) },
    });
  }

  /** Answers with SHARDS and sends the whole state in as many shards as there are lists of ops. */
  sendState(lane: Lane, position: Position, ...shards: readonly (readonly StateOp[])[]): void {
    this.resume(lane, ResumeMode.SHARDS, position);
    for (const [index, ops] of shards.entries()) {
      this.sendShard(lane, position, index, shards.length, opsToBytes(ops));
    }
  }

  sendShard(
    lane: Lane,
    position: Position,
    index: number,
    count: number,
    body: Uint8Array,
    sha256: Uint8Array = createHash('sha256').update(body).digest(),
  ): void {
    const value = {
      lane: laneToWire(lane),
      position: positionToWire(position),
      index,
      count,
      body,
    };
    this.#send({ case: 'shard', value: { ...value, sha256 } });
  }

  sendFrame(
    lane: Lane,
    position: Position,
    ops: readonly StateOp[] | Uint8Array,
    prevRev?: number,
  ) {
    const body = ops instanceof Uint8Array ? ops : opsToBytes(ops);
    const value = {
      lane: laneToWire(lane),
      epoch: BigInt(position.epoch),
      prevRev: BigInt(prevRev ?? position.rev - 1),
      rev: BigInt(position.rev),
      body,
    };
    this.#send({ case: 'frame', value });
  }

  sendHeartbeat(heads: readonly (readonly [Lane, Position])[], logAgeMs = 0): void {
    const value = {
      replica: 'scripted',
      sentAtMs: BigInt(Date.now()),
      logAgeMs: BigInt(logAgeMs),
      heads: heads.map(([lane, head]) => ({ lane: laneToWire(lane), head: positionToWire(head) })),
    };
    this.#send({ case: 'heartbeat', value });
  }

  /** The next ack of this lane, position and stage. */
  acked(lane: Lane, position: Position, stage: AckStage): Promise<Ack> {
    return this.acks.next(
      (ack) =>
        ack.lane === laneToWire(lane) &&
        ack.stage === stage &&
        Number(ack.position?.rev) === position.rev &&
        Number(ack.position?.epoch) === position.epoch,
    );
  }

  end(): void {
    this.#call.end();
  }

  #send(message: NonNullable<Parameters<typeof create<typeof SyncResponseSchema>>[1]>['message']) {
    if (message !== undefined) this.#call.write(create(SyncResponseSchema, { message }));
  }
}
