import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AccessRecord } from '@sallyport/shared/access-record';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { newEd25519KeyPair } from '@sallyport/shared/keys/ed25519';
import { sessionStatementPurpose, signKey } from '@sallyport/shared/keys/root';
import { createLog } from '@sallyport/shared/log';
import { type Lookup, localhostLookup } from '@sallyport/shared/network/lookup';
import { RememberedLookup } from '@sallyport/shared/network/remembered-lookup';
import type { SessionStatement } from '@sallyport/shared/session/statement';
import type { Lane, SigningKey, StateOp } from '@sallyport/shared/state/model';
import { counterAt, presence, type RowLane } from '@sallyport/shared/state/tables/lane';
import { type Span, spanOf } from '../../ops/tracing/span.ts';
import { PlaceReader } from '../../places/reader.ts';
import type { Sighting } from '../../sightings/sighting.ts';
import type { StateChange } from '../../state/current.ts';
import type { WorkerState } from '../../state/worker-state.ts';
import { Arrivals } from '../../testing/arrivals.ts';
import { createLocalState, type LocalState } from '../../testing/local-state.ts';
import {
  createRootKey,
  sampleAssertionKey,
  sampleBundle,
  sampleCredentials,
  sampleUser,
} from '../../testing/sample-state.ts';
import { ConnectionRoom } from '../../worker/connection-room.ts';
import type { WorkerCredentials } from '../../worker/messages.ts';
import { createRequestMetrics, type RequestMetrics } from '../../worker/request-metrics.ts';
import type { RequestWorker } from '../../worker/request-worker.ts';
import type { ShadowResult } from '../8-record/shadow.ts';
import { sessionCookie } from '../cookies.ts';
import { newBucketMemory, SharedBuckets } from '../limits/shared-buckets.ts';
import { seal } from '../sealed.ts';
import { createRequestWorker } from '../worker.ts';
import { InMemoryControl } from './control.ts';
import { testDocuments } from './documents.ts';
import { type Identity, issue, TestPki, trustDomain } from './pki.ts';
import { Recorder } from './recorder.ts';

const statementKeyId = 'statement-1';
const edgeId = 'edg_test';

export interface TestEdgeOptions {
  readonly documents?: readonly ConfigurationDocument[];
  /** Leaves the lanes empty. */
  readonly withoutState?: boolean;
  readonly publicPort?: number;
  /** Where it listens. Default: 127.0.0.1. */
  readonly host?: string;
}

/** The request side of an edge with a hand-filled state, its upstream and its devices. */
export class TestEdge {
  readonly records = new Arrivals<AccessRecord>();
  readonly spans: Span[] = [];
  readonly sightings: Sighting[] = [];
  sightingsDropped = 0;
  readonly shadowed: ShadowResult[] = [];
  /** Requests with large headers, as they were counted. */
  readonly large: string[] = [];
  recordsFull = false;
  sheds = false;
  recordsLost = 0;
  /** What resolves names; a test may put another in its place. */
  resolve: Lookup = localhostLookup;
  readonly logged: string[] = [];
  readonly clock = { offsetMs: 0 };
  /** The clock of the rate limits, which only goes on. */
  readonly rateClock = { aheadMs: 0 };
  readonly limited: string[] = [];
  readonly pki: TestPki;
  readonly upstream: Recorder;
  readonly control: InMemoryControl;
  readonly places: PlaceReader = new PlaceReader();
  readonly metrics: RequestMetrics = createRequestMetrics(() => this.worker, this.places);
  readonly connectionRoom = new ConnectionRoom();
  readonly state: WorkerState;
  readonly worker: RequestWorker;
  /** What session statements verify by. */
  readonly signingKey: SigningKey;
  /** Alice's managed laptop, Bob's, and one that nobody enrolled. */
  readonly laptop: Identity;
  readonly other: Identity;
  readonly stranger: Identity;
  port = 0;
  readonly #local: LocalState;
  readonly #clock = () => Date.now() + this.clock.offsetMs;
  #credentials: WorkerCredentials;

  constructor(parts: {
    pki: TestPki;
    upstream: Recorder;
    control: InMemoryControl;
    credentials: WorkerCredentials;
    signingKey: SigningKey;
    devices: readonly [Identity, Identity, Identity];
    publicPort: number | null;
  }) {
    this.pki = parts.pki;
    this.upstream = parts.upstream;
    this.control = parts.control;
    [this.laptop, this.other, this.stranger] = parts.devices;
    this.signingKey = parts.signingKey;
    this.#credentials = parts.credentials;
    const { credentials } = parts;
    this.#local = createLocalState({ edgeId, labels: {}, credentials, clock: this.#clock });
    this.state = this.#local.state;
    this.worker = createRequestWorker({
      config: { edgeId, region: 'eu', trustDomain, publicPort: parts.publicPort, traceShare: 1 },
      state: this.state.current,
      places: this.places,
      connectionRoom: this.connectionRoom,
      control: parts.control,
      emitRecord: (record) => {
        this.metrics.count(record);
        this.records.push(record);
      },
      emitSightings: (seen, dropped) => {
        this.sightings.push(...seen);
        this.sightingsDropped += dropped;
      },
      emitSpan: (source) => this.spans.push(spanOf(source)),
      observe: (value) => this.metrics.observe(value),
      recordLost: () => {
        this.recordsLost += 1;
      },
      countShadow: (result) => this.shadowed.push(result),
      buckets: new SharedBuckets(
        newBucketMemory(1_024),
        () => process.hrtime.bigint() + BigInt(this.rateClock.aheadMs) * 1_000_000n,
      ),
      countLimited: (per) => this.limited.push(per),
      headerSizes: {
        seen: () => undefined,
        large: (...counted) => this.large.push(counted.join(' ')),
      },
      recordsFull: () => this.recordsFull,
      sheds: () => this.sheds,
      lookup: new RememberedLookup(
        (...question) => this.resolve(...question),
        () => this.#clock(),
      ).lookup,
      log: createLog('info', {}, (line) => this.logged.push(line)),
      clock: this.#clock,
    });
  }

  static async start(options: TestEdgeOptions = {}): Promise<TestEdge> {
    const pki = await TestPki.create();
    const [served, wildcard, upstreamServer, upstreamClient, ...devices] = await Promise.all([
      pki.servers(
        'app.corp.test',
        'admin.corp.test',
        'pub.corp.test',
        'reader.corp.test',
        'strong.corp.test',
        'signin.corp.test',
      ),
      pki.servers('*.fin.test'),
      issue(pki.upstream, {
        commonName: 'upstream',
        dns: ['upstream.corp.localhost'],
        usage: 'server',
        days: 5,
      }),
      issue(pki.edge, { commonName: edgeId, usage: 'client', days: 5 }),
      pki.deviceNamed('dev_laptop'),
      pki.deviceNamed('dev_other'),
      pki.deviceNamed('dev_stranger'),
    ]);
    const upstream = await Recorder.start(upstreamServer, pki.edge.certificatePem);
    const root = createRootKey();
    const keys = newEd25519KeyPair();
    const assertionKey = sampleAssertionKey('own');
    const credentials: WorkerCredentials = {
      ...sampleCredentials([assertionKey]),
      upstream: {
        certificatePem: upstreamClient.cert,
        privateKeyPem: upstreamClient.key,
        serial: 1,
      },
      serverCertificates: [served, wildcard].map(({ cert, key }) => ({
        certificatePem: cert,
        privateKeyPem: key,
      })),
    };
    const edge = new TestEdge({
      pki,
      upstream,
      credentials,
      signingKey: signKey(
        {
          keyId: statementKeyId,
          purpose: sessionStatementPurpose,
          publicKey: keys.publicKey,
          notBeforeMs: 0,
          notAfterMs: Date.now() + 1e9,
        },
        root.privateKey,
      ),
      control: new InMemoryControl(keys.privateKeyPem, statementKeyId),
      devices: devices as [Identity, Identity, Identity],
      publicPort: options.publicPort ?? null,
    });
    if (options.withoutState !== true) {
      await edge.apply('revoke');
      await edge.apply('signals');
      await edge.apply('directory', ...edge.directory());
      await edge.apply(
        'config',
        edge.signingKey,
        { op: 'edge_keys', edgeId, region: 'eu', assertionJwks: [assertionKey.publicJwk] },
        ...edge.configuration(testDocuments(pki, upstream.port, options.documents)),
      );
    }
    const { host = '127.0.0.1' } = options;
    edge.port = await edge.worker.listen({ host, port: 0, reusePort: false });
    return edge;
  }

  /** Users and devices as they are at the start. */
  directory(): StateOp[] {
    const device = (id: string, managed: boolean, ownerUserId: string | null): StateOp => ({
      op: 'device',
      id,
      name: id,
      managed,
      ownerUserId,
      posture: [],
    });
    return [
      sampleUser('usr_alice'),
      sampleUser('usr_bob'),
      sampleUser('usr_adam', ['admins', 'employees']),
      device('dev_laptop', true, 'usr_alice'),
      device('dev_other', false, 'usr_bob'),
      {
        op: 'device_certificate',
        sha256: this.laptop.sha256,
        deviceId: 'dev_laptop',
        notBeforeMs: 0,
        notAfterMs: Date.now() + 1e9,
      },
    ];
  }

  #version = 0;

  configuration(documents: ConfigurationDocument[]): StateOp[] {
    this.#version += 1;
    return [
      sampleBundle(this.#version, documents),
      { op: 'release', ring: 'default', version: this.#version, shadowVersion: null },
    ];
  }

  /** Makes another configuration live: the usual one, with these documents besides. */
  async configure(...more: ConfigurationDocument[]): Promise<void> {
    const documents = testDocuments(this.pki, this.upstream.port, more);
    await this.apply('config', ...this.configuration(documents));
  }

  /** Applies changes of one lane and waits until they are enforced. */
  async apply(lane: Lane, ...ops: StateOp[]): Promise<StateChange> {
    const change = this.#local.apply(lane, ...ops);
    await this.worker.redecide(change);
    return change;
  }

  /** The lane was whole so long ago; null: it never was. */
  hear(lane: Lane, agoMs: number | null = 0): void {
    this.#local.setAge(lane, agoMs);
  }

  /** Rows of the lane are being changed from now on and so cannot be read, until it is called. */
  holdRows(lane: RowLane): () => void {
    const control = new Int32Array(this.#local.tables.rows[lane].shared().control);
    const step = (by: number) => {
      for (let shard = 0; shard <= presence; shard += 1) {
        Atomics.add(control, counterAt(shard), by);
      }
    };
    step(1);
    return () => step(1);
  }

  setCredentials(more: Partial<WorkerCredentials>): void {
    this.#credentials = { ...this.#credentials, ...more };
    this.state.setCredentials(this.#credentials);
  }

  /** A session cookie as the edge itself would have set it: `name=value`. */
  async session(
    userId: string,
    deviceId: string | null,
    host: string,
    more: Partial<SessionStatement> = {},
  ): Promise<string> {
    const { jws } = await this.control.statement(userId, deviceId, more);
    return `${sessionCookie}=${await this.sealed(host, jws)}`;
  }

  async sealed(host: string, jws: string): Promise<string> {
    const ring = this.state.current.cookieRing();
    if (ring === null) throw new Error('no cookie ring');
    return seal(ring, 'session', host, jws);
  }

  /** Waits until nothing is under way, and forgets what was recorded. */
  async settle(): Promise<void> {
    while (this.worker.openExchanges() > 0) await nextTurn();
    this.records.all.length = 0;
    this.upstream.forget();
  }

  async stop(): Promise<void> {
    await this.worker.drain(0);
    await this.upstream.stop();
  }
}
