/**
 * Edges that do nothing but hold their two streams, many in one process: `revoke` on a connection
 * of its own, the other lanes on another, both over mutual TLS. What is lost is opened again with
 * full jitter, and as late as the control plane asks. Positions are kept; SIGUSR2 forgets them, so
 * that each edge compares its shards with those of a manifest, and has them all. Signatures are not looked at: on machines of their own the edges
 * would do that side by side.
 *
 * IDENTITIES (a file of SimulatedIdentity in JSON), TARGET (host:port), CA (a file).
 * Prints a line of Tailing in JSON whenever the number of edges that follow all lanes has changed.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import {
  AckStage,
  fetchToWire,
  lanePositionToWire,
  laneToWire,
  positionToWire,
  readSyncResponse,
  StatePath,
  type SyncMessage,
  type SyncRequest,
  SyncRequestSchema,
  type SyncResponse,
} from '@sallyport/proto';
import {
  type ClientDuplexStream,
  credentials,
  EdgeSyncClient,
  type ServiceError,
} from '@sallyport/proto/grpc';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { SimulatedIdentity } from './simulated-identities.ts';

export interface Tailing {
  readonly edges: number;
  /** Hellos that were refused for load, so far. */
  readonly refused: number;
  /** Parts of shards that came, so far. */
  readonly parts: number;
  /** Wall time. */
  readonly atMs: number;
}

type Stream = ClientDuplexStream<SyncRequest, SyncResponse>;

const groups: readonly (readonly Lane[])[] = [['revoke'], ['config', 'signals', 'directory']];
const backoffMsFirst = 250;
const backoffMsMax = 5_000;
const tellMs = 20;

const identities = JSON.parse(
  readFileSync(process.env['IDENTITIES'] ?? '', 'utf8'),
) as readonly SimulatedIdentity[];
const target = process.env['TARGET'] ?? '';
const ca = readFileSync(process.env['CA'] ?? '', 'utf8');

let refused = 0;
let parts = 0;

class LaneState {
  head: Position | null = null;
  tailing = false;
  /** It has taken the whole state once. */
  whole = false;
  /** Shards that were asked for and have not all come. */
  missing = 0;
}

class SimulatedEdge {
  readonly lanes = new Map<Lane, LaneState>(groups.flat().map((lane) => [lane, new LaneState()]));
  readonly #context: ReturnType<typeof createSecureContext>;

  constructor({ certificatePem: cert, privateKeyPem: key }: SimulatedIdentity) {
    this.#context = createSecureContext({ ca, cert, key, minVersion: 'TLSv1.3' });
  }

  get tailing(): boolean {
    return [...this.lanes.values()].every(({ tailing }) => tailing);
  }

  start(): void {
    for (const group of groups) void this.#hold(group);
  }

  /** One stream after the other, for ever. */
  async #hold(group: readonly Lane[]): Promise<void> {
    const client = new EdgeSyncClient(target, credentials.createFromSecureContext(this.#context), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      'grpc.enable_channelz': 0,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
    });
    for (let failures = 0; ; failures += 1) {
      const { resumed, retryAfterMs } = await this.#stream(client, group);
      if (resumed) failures = 0;
      const cap = Math.min(backoffMsMax, backoffMsFirst * 2 ** Math.min(failures, 10));
      await delay(retryAfterMs === null ? Math.random() * cap : retryAfterMs + Math.random() * 250);
    }
  }

  #stream(
    client: EdgeSyncClient,
    group: readonly Lane[],
  ): Promise<{ readonly resumed: boolean; readonly retryAfterMs: number | null }> {
    const stream = client.sync();
    return new Promise((resolve) => {
      let resumed = false;
      stream.on('error', (error: ServiceError) => {
        for (const lane of group) this.#lane(lane).tailing = false;
        const [retry] = error.metadata.get('retry-after-ms');
        if (retry !== undefined) refused += 1;
        resolve({ resumed, retryAfterMs: retry === undefined ? null : Number(retry) });
      });
      stream.on('data', (response: SyncResponse) => {
        const message = readSyncResponse(response);
        if (message === null) return;
        if (message.kind === 'resume') resumed = true;
        this.#take(stream, message);
      });
      send(stream, {
        case: 'hello',
        value: {
          $typeName: 'sallyport.v1.Hello',
          protocol: 1,
          softwareVersion: 'simulated',
          region: 'sim',
          labels: {},
          have: group.map((lane) =>
            lanePositionToWire({
              lane,
              position: this.#lane(lane).head,
              proof: null,
              headProof: null,
            }),
          ),
        },
      });
    });
  }

  #lane(lane: Lane): LaneState {
    const state = this.lanes.get(lane);
    if (state === undefined) throw new Error(`no lane ${lane}`);
    return state;
  }

  #take(stream: Stream, message: SyncMessage): void {
    if (message.kind === 'resume') {
      const state = this.#lane(message.value.lane);
      state.tailing = message.value.mode === 'tail';
      if (state.tailing && state.head !== null) ack(stream, message.value.lane, state.head);
    } else if (message.kind === 'manifest') {
      const { lane, position, shards } = message.value;
      const state = this.#lane(lane);
      const all = shards.flatMap(({ rows }, index) => (rows > 0 ? [index] : []));
      const wanted = state.whole ? [] : all;
      state.missing = wanted.length;
      state.head = position;
      send(stream, { case: 'fetch', value: fetchToWire({ lane, position, shards: wanted }) });
      if (wanted.length === 0) this.#arrived(stream, lane, state);
    } else if (message.kind === 'shard') {
      const { lane, part, parts: all } = message.value;
      const state = this.#lane(lane);
      parts += 1;
      if (part === all - 1) state.missing -= 1;
      if (state.missing === 0) this.#arrived(stream, lane, state);
    } else if (message.kind === 'frame') {
      const { lane, epoch, rev } = message.value;
      const state = this.#lane(lane);
      state.head = { epoch, rev };
      if (state.tailing) ack(stream, lane, state.head);
    }
  }

  #arrived(stream: Stream, lane: Lane, state: LaneState): void {
    state.whole = true;
    state.tailing = true;
    if (state.head !== null) ack(stream, lane, state.head);
  }
}

function send(stream: Stream, message: SyncRequest['message']): void {
  stream.write(create(SyncRequestSchema, { message }));
}

function ack(stream: Stream, lane: Lane, position: Position): void {
  send(stream, {
    case: 'ack',
    value: {
      $typeName: 'sallyport.v1.Ack',
      lane: laneToWire(lane),
      position: positionToWire(position),
      stage: AckStage.ENFORCED,
      tookUs: 0n,
      path: StatePath.GRPC,
    },
  });
}

const edges = identities.map((identity) => new SimulatedEdge(identity));
let told = -1;
function tell(): void {
  const tailing = edges.filter((edge) => edge.tailing).length;
  if (tailing === told) return;
  told = tailing;
  const line: Tailing = { edges: tailing, refused, parts, atMs: Date.now() };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

process.on('SIGUSR2', () => {
  for (const edge of edges) for (const lane of edge.lanes.values()) lane.head = null;
});
process.on('SIGTERM', () => process.exit(0));
for (const edge of edges) edge.start();
setInterval(tell, tellMs);
tell();
