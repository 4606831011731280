import { once } from 'node:events';
import type { SyncResponse } from '@sallyport/proto';
import {
  type Ack,
  type AckStage,
  type Carried,
  type Fetch,
  type Hello,
  lanePositionFromWire,
  laneToWire,
  type Nack,
  opsToBytes,
  type Report,
  type SyncMessage,
  type SyncRequest,
  syncResponse,
} from '@sallyport/proto';
import { Metadata, type ServerDuplexStream, type status } from '@sallyport/proto/grpc';
import type { Lane, Position, StateOp } from '@sallyport/shared/state/model';
import type { FrameMessage, LanePosition, ResumeMode } from '@sallyport/shared/sync/messages';
import type { SigningKeys } from '@sallyport/shared/sync/signing-keys';
import { Arrivals } from './arrivals.ts';
import { manifestOf, type OfferedState, offeredState, shardParts } from './offered-state.ts';

const heartbeatMs = 400;

/** One Sync stream of an edge, as a test drives it. What is sent is signed with the plane's keys. */
export class ScriptedStream {
  readonly hello: Hello;
  /** The first Hello and those that came after it on the open stream. */
  readonly hellos = new Arrivals<Hello>();
  readonly acks = new Arrivals<Ack>();
  readonly nacks = new Arrivals<Nack>();
  readonly fetches = new Arrivals<Fetch>();
  readonly reports = new Arrivals<Report>();
  readonly carried = new Arrivals<Carried>();
  /** Resolves when the edge has gone. */
  readonly ended: Promise<void>;
  /** While true, heartbeats name the newest positions that were sent here, without digests. */
  beats = true;
  /** Lanes that these heartbeats leave out. */
  readonly leftOut = new Set<Lane>();
  /** While true, shards of an offered state are sent as they are asked for. */
  servesShards = true;
  readonly #call: ServerDuplexStream<SyncRequest, SyncResponse>;
  readonly #keys: SigningKeys;
  readonly #heads = new Map<Lane, Position>();
  readonly #offered = new Map<Lane, OfferedState>();

  constructor(
    call: ServerDuplexStream<SyncRequest, SyncResponse>,
    hello: Hello,
    keys: SigningKeys,
  ) {
    this.#call = call;
    this.#keys = keys;
    this.hello = hello;
    this.hellos.push(hello);
    call.on('data', ({ message }: SyncRequest) => this.#take(message));
    const beating = setInterval(() => {
      if (this.beats) {
        this.sendHeartbeat([...this.#heads].filter(([lane]) => !this.leftOut.has(lane)));
      }
    }, heartbeatMs);
    this.ended = new Promise((resolve) => {
      const end = () => {
        clearInterval(beating);
        resolve();
      };
      call.on('end', end);
      call.on('cancelled', end);
    });
    this.send({ kind: 'keys', value: { keys: keys.keys() } });
  }

  /** What Hello says that the edge has of a lane; undefined: Hello does not name the lane. */
  have(lane: Lane, hello: Hello = this.hello): LanePosition | undefined {
    const entry = hello.have.find((one) => one.lane === laneToWire(lane));
    return entry === undefined ? undefined : (lanePositionFromWire(entry) ?? undefined);
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

  resume(lane: Lane, mode: ResumeMode, head: Position, forkedAt: Position | null = null): void {
    this.#heads.set(lane, head);
    this.send({ kind: 'resume', value: { lane, mode, head, forkedAt } });
  }

  /** Answers with SHARDS and offers the state; what the edge asks for of it is sent. */
  sendState(
    lane: Lane,
    position: Position,
    ops: readonly StateOp[],
    forkedAt: Position | null = null,
  ): OfferedState {
    const state = offeredState(lane, position, ops);
    this.offer(state, forkedAt);
    return state;
  }

  /** The same with a state that is ready: a large one takes so long that the stream looks dead. */
  offer(state: OfferedState, forkedAt: Position | null = null): void {
    const { lane, position } = state;
    this.#offered.set(lane, state);
    this.resume(lane, 'shards', position, forkedAt);
    this.send({ kind: 'manifest', value: this.#keys.manifest(manifestOf(state), Date.now()) });
  }

  /** A frame with a signature that holds. */
  frame(
    lane: Lane,
    { epoch, rev }: Position,
    ops: readonly StateOp[] | Uint8Array,
    prevRev = rev - 1,
  ): FrameMessage {
    const body = ops instanceof Uint8Array ? ops : opsToBytes(ops);
    return this.#keys.frame({ lane, epoch, prevRev, rev, body }, Date.now());
  }

  sendFrame(...frame: Parameters<ScriptedStream['frame']>): void {
    const [lane, position] = frame;
    this.#heads.set(lane, position);
    this.send({ kind: 'frame', value: this.frame(...frame) });
  }

  sendHeartbeat(
    heads: readonly (readonly [Lane, Position, digest?: Uint8Array])[],
    logAgeMs = 0,
  ): void {
    const heartbeat = {
      replica: 'scripted',
      sentAtMs: Date.now(),
      logAgeMs,
      heads: heads.map(([lane, head, digest]) => ({
        lane,
        head,
        digest: digest ?? null,
        digestAt: digest === undefined ? null : head,
      })),
    };
    this.send({ kind: 'heartbeat', value: this.#keys.heartbeat(heartbeat, Date.now()) });
  }

  /** The ack of this lane, position and stage, which has come or will; rejects if the edge goes before. */
  acked(lane: Lane, position: Position, stage: AckStage): Promise<Ack> {
    const fits = (ack: Ack) =>
      ack.lane === laneToWire(lane) &&
      ack.stage === stage &&
      Number(ack.position?.rev) === position.rev &&
      Number(ack.position?.epoch) === position.epoch;
    const gone = this.ended.then(() => {
      throw new Error(`the edge has gone without its ack of ${lane} ${position.rev}`);
    });
    return Promise.race([this.acks.first(fits), gone]);
  }

  /** Sends whatever it is. */
  send(message: SyncMessage): void {
    this.#call.write(syncResponse(message));
  }

  end(): void {
    this.#call.end();
  }

  /** Ends the stream with a status, and how long the edge is to wait. */
  fail(code: status, retryAfterMs: number | null = null): void {
    const metadata = new Metadata();
    if (retryAfterMs !== null) metadata.set('retry-after-ms', `${retryAfterMs}`);
    this.#call.emit('error', { code, details: 'scripted', metadata });
  }

  #take(message: SyncRequest['message']): void {
    switch (message.case) {
      case 'hello':
        return this.hellos.push(message.value);
      case 'ack':
        return this.acks.push(message.value);
      case 'nack':
        return this.nacks.push(message.value);
      case 'fetch':
        this.fetches.push(message.value);
        // It fails where the edge has gone, which `ended` tells.
        return void this.#serve(message.value).catch(() => undefined);
      case 'report':
        return this.reports.push(message.value);
      case 'carried':
        return this.carried.push(message.value);
      case undefined:
        return;
    }
  }

  async #serve(fetch: Fetch): Promise<void> {
    const state = [...this.#offered.values()].find((one) => laneToWire(one.lane) === fetch.lane);
    if (!this.servesShards || state === undefined) return;
    for (const index of fetch.shards) {
      for (const part of shardParts(state, index)) {
        this.send({ kind: 'shard', value: part });
        // Else heartbeats would stand behind all of it, and an edge leaves a stream that is silent.
        if (this.#call.writableNeedDrain) await once(this.#call, 'drain');
      }
    }
  }
}
