import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import {
  AckStage,
  fetchToWire,
  type Heartbeat,
  lanePositionToWire,
  laneToWire,
  nackToWire,
  opsFromBytes,
  pathToWire,
  positionToWire,
  readSyncResponse,
  type SyncRequest,
  SyncRequestSchema,
  type SyncResponse,
} from '@sallyport/proto';
import type { ClientDuplexStream, EdgeSyncClient, ServiceError } from '@sallyport/proto/grpc';
import type { Lane, Position, StateOp } from '@sallyport/shared/state/model';
import type {
  FrameMessage,
  FrameProof,
  HeartbeatMessage,
  ManifestMessage,
  NackMessage,
  PathName,
  ResumeMessage,
  ResumeMode,
  ShardPart,
} from '@sallyport/shared/sync/messages';
import { bodySha256 } from '@sallyport/shared/sync/signing';
import { type Verdict, VerificationKeys } from '@sallyport/shared/sync/verification-keys';
import { hex, type ScriptedRows, scriptedRows } from './scripted-rows.ts';

/** What a scripted edge has of one lane, and how it came by it. */
export interface ScriptedLane {
  head: Position | null;
  proof: FrameProof | null;
  readonly resumes: ResumeMode[];
  readonly manifests: ManifestMessage[];
  /** Shards that were asked for, by each Fetch. */
  readonly fetched: number[][];
  /** Parts that came. */
  partsTaken: number;
  /** Whole shards by their hash, kept for what comes. */
  readonly kept: Map<string, Uint8Array>;
  /** All ops in the order in which they came: those of the last whole state, then of frames. */
  ops: StateOp[];
  readonly rows: ScriptedRows;
  framesTaken: number;
  /** Hex, of every frame and shard that came. */
  readonly hashes: string[];
  readonly digests: Map<string, string>;
}

export interface ScriptedEdgeOptions {
  readonly acknowledge?: boolean;
  readonly protocol?: number;
  readonly softwareVersion?: string;
  /** With it, whatever is not signed well is a problem. Raw, 32 bytes. */
  readonly rootPublicKey?: Uint8Array;
  /** Rows that an earlier stream left: its lane goes on from there. */
  readonly from?: ScriptedEdge;
  /** False: manifests are only noted, and shards only kept. */
  readonly fetch?: boolean;
  /** What it makes of a frame; a NACK instead of taking it, for example. */
  readonly onFrame?: (frame: FrameMessage, edge: ScriptedEdge) => 'take' | 'leave';
}

/**
 * The other side of a Sync stream, in plain sight: it takes what comes, fails loudly on a gap or a
 * signature, and acknowledges if told to.
 */
export class ScriptedEdge {
  readonly lanes = new Map<Lane, ScriptedLane>();
  readonly heartbeats: Heartbeat[] = [];
  readonly problems: string[] = [];
  /** What came, by kind, in its order. */
  readonly kinds: string[] = [];
  /** Set once the stream is over. */
  end: {
    readonly code: number;
    readonly details: string;
    readonly retryAfterMs: number | null;
  } | null = null;
  readonly #call: ClientDuplexStream<SyncRequest, SyncResponse>;
  readonly #options: ScriptedEdgeOptions;
  readonly #keys: VerificationKeys | null;
  readonly #open = new Map<Lane, { manifest: ManifestMessage; parts: Map<number, Uint8Array[]> }>();
  #changed = Promise.withResolvers<void>();

  constructor(
    client: EdgeSyncClient,
    have: Partial<Record<Lane, Position | null>>,
    options: ScriptedEdgeOptions = {},
  ) {
    this.#options = options;
    const { rootPublicKey } = options;
    this.#keys = rootPublicKey === undefined ? null : new VerificationKeys(rootPublicKey);
    this.#call = client.sync();
    this.#call.on('data', (response: SyncResponse) => this.#take(response));
    this.#call.on('error', (error: ServiceError) => {
      const [retry] = error.metadata.get('retry-after-ms');
      const retryAfterMs = retry === undefined ? null : Number(retry);
      this.end = { code: error.code, details: error.details, retryAfterMs };
      this.#notify();
    });
    const entries = Object.entries(have) as [Lane, Position | null][];
    for (const [lane, head] of entries) this.lanes.set(lane, this.#newLane(lane, head));
    this.hello(entries.map(([lane]) => lane));
  }

  #newLane(name: Lane, head: Position | null): ScriptedLane {
    const from = this.#options.from?.lanes.get(name);
    return {
      head,
      proof: from?.proof ?? null,
      resumes: [],
      manifests: [],
      fetched: [],
      partsTaken: 0,
      kept: from?.kept ?? new Map<string, Uint8Array>(),
      ops: from?.ops ?? [],
      rows: from?.rows ?? scriptedRows(name),
      framesTaken: 0,
      hashes: [],
      digests: from?.digests ?? new Map<string, string>(),
    };
  }

  lane(name: Lane): ScriptedLane {
    const lane = this.lanes.get(name);
    if (lane === undefined) throw new Error(`lane ${name} is not on this stream`);
    return lane;
  }

  send(message: SyncRequest['message']): void {
    this.#call.write(create(SyncRequestSchema, { message }));
  }

  /** Whatever it is, as it is. */
  sendRaw(request: SyncRequest): void {
    this.#call.write(request);
  }

  /** Says Hello for these lanes, also again. */
  hello(lanes: readonly Lane[]): void {
    const { protocol = 1, softwareVersion = 'test-1' } = this.#options;
    this.send({
      case: 'hello',
      value: {
        $typeName: 'sallyport.v1.Hello',
        protocol,
        softwareVersion,
        region: 'north',
        labels: {},
        have: lanes.map((lane) => {
          const { head, proof } = this.lane(lane);
          return lanePositionToWire({ lane, position: head, proof, headProof: null });
        }),
      },
    });
  }

  ack(
    lane: Lane,
    position: Position,
    stage: AckStage = AckStage.ENFORCED,
    path: PathName = 'grpc',
  ): void {
    this.send({
      case: 'ack',
      value: {
        $typeName: 'sallyport.v1.Ack',
        lane: laneToWire(lane),
        position: positionToWire(position),
        stage,
        tookUs: 1n,
        path: pathToWire(path),
      },
    });
  }

  nack(nack: Omit<NackMessage, 'refusedSha256'> & { readonly refusedSha256?: Uint8Array }): void {
    const value = nackToWire({ refusedSha256: new Uint8Array(), ...nack });
    this.send({ case: 'nack', value });
  }

  fetch(lane: Lane, position: Position, shards: readonly number[]): void {
    this.lane(lane).fetched.push([...shards]);
    this.send({ case: 'fetch', value: fetchToWire({ lane, position, shards }) });
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

  #take(response: SyncResponse): void {
    if (response.message.case === 'heartbeat') this.heartbeats.push(response.message.value);
    const message = readSyncResponse(response);
    this.kinds.push(message?.kind ?? 'unknown');
    switch (message?.kind) {
      case 'keys':
        for (const key of message.value.keys) {
          if (this.#keys?.add(key) === 'refused') this.problems.push(`key ${key.keyId}`);
        }
        break;
      case 'resume':
        this.#takeResume(message.value);
        break;
      case 'manifest':
        this.#takeManifest(message.value);
        break;
      case 'shard':
        this.#takePart(message.value);
        break;
      case 'frame':
        this.#takeFrame(message.value);
        break;
      case 'heartbeat':
        this.#takeHeartbeat(message.value);
        break;
      case 'provisional':
      case undefined:
        break;
    }
    this.#notify();
  }

  #takeResume({ lane, mode }: ResumeMessage): void {
    this.lane(lane).resumes.push(mode);
    const { head } = this.lane(lane);
    // What was acknowledged before counts on this stream, too.
    if (mode === 'tail' && head !== null) this.#reached(lane, head);
  }

  #takeManifest(manifest: ManifestMessage): void {
    const { lane: name, position, shards } = manifest;
    this.#check(`manifest ${position.rev}`, (keys) => keys.verifyManifest(manifest, Date.now()));
    const lane = this.lane(name);
    lane.manifests.push(manifest);
    this.#open.set(name, { manifest, parts: new Map() });
    if (this.#options.fetch === false) return;
    const missing = shards.flatMap(({ digest, sha256 }, index) => {
      const known = lane.kept.has(hex(sha256)) || lane.rows.shardDigest(index) === hex(digest);
      return known ? [] : [index];
    });
    this.fetch(name, position, missing);
    if (missing.length === 0) this.#swap(name);
  }

  #takePart({ lane: name, position, index, part, parts, body }: ShardPart): void {
    const lane = this.lane(name);
    const open = this.#open.get(name);
    lane.partsTaken += 1;
    if (open === undefined || open.manifest.position.rev !== position.rev) {
      this.problems.push(`a part of revision ${position.rev}`);
      return;
    }
    const taken = open.parts.get(index) ?? [];
    if (taken.length !== part) this.problems.push(`part ${part} of shard ${index}`);
    taken.push(body);
    open.parts.set(index, taken);
    if (taken.length < parts) return;
    const bytes = Buffer.concat(taken);
    const hash = createHash('sha256').update(bytes).digest('hex');
    lane.hashes.push(hash);
    if (hash !== hex(open.manifest.shards[index]?.sha256 ?? new Uint8Array())) {
      this.problems.push(`shard ${index} has another hash`);
    }
    lane.kept.set(hash, bytes);
    const isWhole = lane.fetched.at(-1)?.every((one) => this.#has(name, one)) ?? false;
    if (isWhole && this.#options.fetch !== false) this.#swap(name);
  }

  #has(name: Lane, index: number): boolean {
    const sha256 = this.#open.get(name)?.manifest.shards[index]?.sha256;
    return sha256 !== undefined && this.lane(name).kept.has(hex(sha256));
  }

  #swap(name: Lane): void {
    const lane = this.lane(name);
    const open = this.#open.get(name);
    if (open === undefined) return;
    const shards = new Map<number, Uint8Array>();
    for (const [index, { sha256, digest }] of open.manifest.shards.entries()) {
      const bytes = lane.kept.get(hex(sha256));
      if (bytes !== undefined && lane.rows.shardDigest(index) !== hex(digest)) {
        shards.set(index, bytes);
      }
    }
    lane.rows.take(shards);
    lane.ops = lane.rows.ops();
    lane.head = open.manifest.position;
    this.#open.delete(name);
    this.#reached(name, lane.head);
  }

  #takeFrame(frame: FrameMessage): void {
    const { lane: name, epoch, prevRev, rev, body } = frame;
    const lane = this.lane(name);
    const sha256 = bodySha256(body);
    this.#check(`frame ${rev}`, (keys) => keys.verifyFrame(frame, sha256, Date.now()));
    lane.hashes.push(hex(sha256));
    if (this.#options.onFrame?.(frame, this) === 'leave') return;
    const head = lane.head;
    const { keyId, signature } = frame;
    lane.proof = { epoch, prevRev, rev, bodySha256: sha256, keyId, signature };
    // The last one that the shards hold comes once more, because it is a proof of them.
    if (head?.epoch === epoch && head.rev === rev) return;
    if (head === null || head.epoch !== epoch || head.rev !== prevRev) {
      this.problems.push(`frame ${rev} after ${head?.rev}`);
    }
    lane.head = { epoch, rev };
    lane.framesTaken += 1;
    const ops = opsFromBytes(body);
    lane.ops.push(...ops);
    lane.rows.apply(ops);
    this.#reached(name, lane.head);
  }

  #takeHeartbeat(heartbeat: HeartbeatMessage): void {
    this.#check('heartbeat', (keys) => keys.verifyHeartbeat(heartbeat, Date.now()));
    for (const { lane, digest, digestAt } of heartbeat.heads) {
      if (typeof lane === 'number' || digest === null || digestAt === null) continue;
      const ours = this.lanes.get(lane)?.digests.get(`${digestAt.epoch}/${digestAt.rev}`);
      if (ours !== undefined && ours !== hex(digest)) {
        this.problems.push(`${lane} has another digest at ${digestAt.rev}`);
      }
    }
  }

  #check(what: string, verify: (keys: VerificationKeys) => Verdict): void {
    if (this.#keys === null) return;
    const verdict = verify(this.#keys);
    if (verdict !== 'ok') this.problems.push(`${what} is ${verdict}`);
  }

  #reached(name: Lane, head: Position): void {
    const lane = this.lane(name);
    // Of a lane that it was said to have and has not, no digest is known.
    if (lane.manifests.length > 0 || this.#options.from !== undefined) {
      lane.digests.set(`${head.epoch}/${head.rev}`, lane.rows.digest());
    }
    if (this.#options.acknowledge ?? true) this.ack(name, head);
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
