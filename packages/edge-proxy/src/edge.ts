import type { Writable } from 'node:stream';
import type { Bus } from '@sallyport/shared/bus/bus';
import type { Clock } from '@sallyport/shared/clock';
import { cookieRingSecret } from '@sallyport/shared/keys/cookie-ring';
import type { Log } from '@sallyport/shared/log';
import type { SealKey } from '@sallyport/shared/seal';
import type { EdgeConfig } from './config.ts';
import { createEdgeSync } from './edge-sync.ts';
import { answerCall } from './identity/calls.ts';
import { type ChannelTrust, ControlChannel } from './identity/control-channel.ts';
import { CredentialBench } from './identity/credential-bench.ts';
import { type HomeLock, lockHome } from './identity/home-lock.ts';
import type { EdgeIdentity } from './identity/identity.ts';
import { writeIdentity } from './identity/identity-file.ts';
import { localKey } from './identity/local-key.ts';
import { ownIdentity } from './identity/own-identity.ts';
import { keepRenewed } from './identity/renew.ts';
import { SecretKeeper } from './identity/secrets.ts';
import {
  readServerCertificates,
  refuseTicketsWith,
  watchServerCertificates,
} from './identity/server-certificates.ts';
import { createEdgeMetrics, type EdgeMetrics, renderMetrics } from './ops/metrics.ts';
import { OpsListener } from './ops/ops-listener.ts';
import { ReadinessLog } from './ops/readiness-log.ts';
import { LineWriter } from './ops/records/line-writer.ts';
import { RecordUplink } from './ops/records/record-uplink.ts';
import { RecordSpool } from './ops/records/spool/spool.ts';
import type { StateFigures } from './ops/state-metrics.ts';
import { warningsOf } from './ops/warnings.ts';
import { PlaceKeeper } from './places/keeper.ts';
import { placeSources } from './places/sources.ts';
import { newBucketMemory } from './request/limits/shared-buckets.ts';
import { SightingUplink } from './sightings/sighting-uplink.ts';
import { pause } from './state/1-sync/reconnect.ts';
import type { SyncClient, SyncEvents } from './state/1-sync/sync-client.ts';
import type { EdgeState } from './state/2-store/edge-state.ts';
import { type OpenedState, openState } from './state/open-state.ts';
import { ConnectionRoom } from './worker/connection-room.ts';
import { ownConnectionsByDescriptors } from './worker/descriptors.ts';
import { addDropped, nothingDropped } from './worker/dropped-records.ts';
import type { CallMessage } from './worker/messages.ts';
import { WorkerPool } from './worker/pool.ts';
import { RecordRoom } from './worker/record-room.ts';

export interface EdgeOptions {
  readonly config: EdgeConfig;
  readonly log: Log;
  /** Gets the line that says where the edge listens, then the access records. */
  readonly output: Writable;
  readonly clock: Clock;
  /** A part has died that the edge cannot go on without. */
  readonly onFatal: (error: Error) => void;
  readonly signal: AbortSignal;
}

const certificatesLookMs = 60_000;

/** How long an end may take, milliseconds. */
export interface StopTimes {
  /** It goes on as it was, but is not ready any more, so that who sends clients here hears of it. */
  readonly noticeMs: number;
  /** Open exchanges go on. */
  readonly drainMs: number;
  /** Records and sightings wait for somebody to take them; what is left of records goes to disk. */
  readonly flushMs: number;
}

/** The main thread of an edge: everything but the requests. */
export class Edge {
  readonly #options: EdgeOptions;
  readonly #ops: OpsListener;
  readonly #lines: LineWriter;
  readonly #readiness: ReadinessLog;
  readonly #stopping = new AbortController();
  readonly #room = new RecordRoom();
  readonly #connections = new ConnectionRoom();
  readonly #rateBuckets = newBucketMemory();
  #lock: HomeLock | null = null;
  #phase: 'starting' | 'running' | 'draining' = 'starting';
  #running: Running | null = null;
  #sightingsLostInWorkers = 0;
  #lostInWorkers = nothingDropped;

  private constructor(options: EdgeOptions) {
    this.#options = options;
    this.#lines = new LineWriter(options.output);
    this.#readiness = new ReadinessLog(options.log);
    this.#ops = new OpsListener({
      notReadyReasons: () => this.#notReadyReasons(),
      warnings: () => this.#warnings(),
      metrics: () => this.#metrics(),
      log: options.log,
    });
    options.signal.addEventListener('abort', () => this.#stopping.abort());
  }

  /** Starts an edge; resolves when it listens, which is before it has any state. */
  static async start(options: EdgeOptions): Promise<Edge> {
    const edge = new Edge(options);
    await edge.#start();
    return edge;
  }

  /** Looks for new certificates of the public listener, and for new files of places. */
  reload(): void {
    this.#running?.certificates.look();
    void this.#running?.places.look();
  }

  /** Is ready no more, then takes no new requests, lets open exchanges end, and stops. */
  async stop({ noticeMs, drainMs, flushMs }: StopTimes): Promise<void> {
    this.#phase = 'draining';
    const running = this.#running;
    if (running !== null) await pause(noticeMs, this.#stopping.signal);
    // The state keeps flowing meanwhile: a revocation also ends an exchange that is draining.
    await running?.pool.drain(drainMs);
    await Promise.all([running?.uplink.stop(flushMs), running?.sightings.stop(flushMs)]);
    await this.#lines.end(flushMs);
    this.#stopping.abort();
    running?.certificates.stop();
    await running?.places.stop();
    await running?.sync.stop();
    await running?.state.close();
    await running?.bus?.close();
    await running?.renewal;
    running?.channel.close();
    await running?.opened.disk.close();
    await this.#ops.close();
    this.#lock?.release();
  }

  async #start(): Promise<void> {
    const { config, log, clock } = this.#options;
    const { signal } = this.#stopping;
    await refuseTicketsWith(config.tlsCertificates);
    this.#lock = lockHome(config.home);
    this.#connections.descriptorsMax = ownConnectionsByDescriptors();
    const opsUrl = await this.#ops.listen(config.opsListen);
    const identity = await ownIdentity({ config, clock, log, signal });
    const { edgeId, rootPublicKey } = identity;
    const key = await localKey(config.home);
    const opened = await openState({ home: config.home, edgeId, rootPublicKey, key, clock, log });
    const channel = new ControlChannel(config.controlPlanes, trustOf(identity));
    const { certificates } = readServerCertificates(config.tlsCertificates);
    const bench = new CredentialBench(identity, certificates);
    const secrets = await SecretKeeper.open({ ...this.#secretOptions(channel, bench), key });
    const pool = await this.#startPool(identity, bench, channel, opened);
    const { distributor } = pool;
    const parts = { config, identity, bench, channel, opened, distributor, secrets, log, clock };
    const { state, sync, bus, figures } = createEdgeSync({ ...parts, events: this.#syncEvents() });
    const uplink = await this.#openUplink(channel, edgeId, key);
    const places = new PlaceKeeper({
      sources: placeSources(config.places),
      onPlaces: (loaded) => pool.setPlaces(loaded),
      log,
      clock,
    });
    const sightings = new SightingUplink({ channel, log });
    this.#running = {
      pool,
      state,
      sync,
      uplink,
      sightings,
      channel,
      opened,
      bus,
      places,
      metrics: this.#createMetrics({ pool, sync, uplink, sightings, bus, bench, places }, figures),
      renewal: this.#renew(identity, bench, { channel, pool, sync }),
      certificates: watchServerCertificates(
        config.tlsCertificates,
        (read) => {
          bench.setServerCertificates(read);
          pool.setCredentials(bench.credentials());
        },
        log,
        certificatesLookMs,
        clock,
      ),
    };
    // With what the disk had, requests are decided before anybody can be asked.
    await state.restore();
    const port = await pool.listen(config.listen);
    const { forwardAuthListen } = config;
    const verdicts =
      forwardAuthListen === null ? null : await pool.listen(forwardAuthListen, 'verdicts');
    this.#phase = 'running';
    log.info('edge.listening', { edgeId, port, verdicts, ops: opsUrl });
    this.#lookAtReadiness();
    const { pid } = process;
    this.#lines.start(
      JSON.stringify({ listening: true, port, verdicts, ops: opsUrl, edgeId, pid }),
    );
    sync.start();
    uplink.start();
    sightings.start();
  }

  async #openUplink(channel: ControlChannel, edgeId: string, key: SealKey): Promise<RecordUplink> {
    const { config, log } = this.#options;
    const { home, recordSpoolBytes: bytesMax } = config;
    const spool =
      bytesMax === 0 ? null : await RecordSpool.open({ home, edgeId, key, bytesMax, log });
    const onFull = (full: boolean) => {
      this.#room.full = full;
      if (full) log.warn('records.full');
      else log.info('records.room_again');
    };
    return new RecordUplink({ channel, spool, onFull, log });
  }

  #secretOptions(channel: ControlChannel, bench: CredentialBench) {
    const { config, log } = this.#options;
    return {
      home: config.home,
      channel,
      onValues: (values: ReadonlyMap<string, Uint8Array>) => {
        if (bench.setCookieRing(values.get(cookieRingSecret) ?? null)) {
          this.#running?.pool.setCredentials(bench.credentials());
        }
      },
      log,
      signal: this.#stopping.signal,
    };
  }

  /** Old connections are not cut: streams come back with their positions, calls end on theirs. */
  #renew(
    identity: EdgeIdentity,
    bench: CredentialBench,
    { channel, pool, sync }: Pick<Running, 'channel' | 'pool' | 'sync'>,
  ): Promise<void> {
    const { config, clock, log } = this.#options;
    return keepRenewed({
      channel,
      identity,
      onRenewed: async (renewed) => {
        await writeIdentity(config.home, renewed);
        bench.setIdentity(renewed);
        channel.setTrust(trustOf(renewed));
        pool.setCredentials(bench.credentials());
        sync.reconnect();
      },
      clock,
      log,
      signal: this.#stopping.signal,
    });
  }

  #syncEvents(): SyncEvents {
    return {
      onStreamEnd: (stream, { reason }) =>
        this.#running?.metrics.streamEnds.inc({ stream, reason }),
      onRefusal: ({ lane, code }) => this.#running?.metrics.refusals.inc({ lane, code }),
    };
  }

  #createMetrics(
    {
      pool,
      sync,
      uplink,
      sightings,
      bus,
      bench,
      places,
    }: Pick<Running, 'pool' | 'sync' | 'uplink' | 'sightings' | 'bus' | 'places'> & {
      readonly bench: CredentialBench;
    },
    figures: StateFigures,
  ): EdgeMetrics {
    return createEdgeMetrics({
      state: figures,
      edge: {
        notReadyReasons: () => this.#notReadyReasons(),
        warnings: () => this.#warnings(),
        certificates: () => bench.certificates(),
        certificateFailures: () => this.#running?.certificates.failures ?? 0,
        nowMs: this.#options.clock,
      },
      places: (kind) => places.status(kind),
      workers: () => pool.size,
      connected: (stream) => sync.connected(stream),
      dropped: () => ({
        worker: this.#lostInWorkers,
        output: this.#lines.droppedTotal,
        upward: uplink.droppedTotal,
        spool: uplink.spool?.droppedTotal ?? nothingDropped,
      }),
      recordBacklog: () => uplink.backlog,
      sightings: () => ({
        backlog: sightings.backlog,
        lostInWorkers: this.#sightingsLostInWorkers,
        lostUpward: sightings.droppedTotal,
      }),
      recordSpool: () => uplink.spool,
      recordsFull: () => this.#room.full,
      busConnected: () => bus?.connected() ?? null,
    });
  }

  #startPool(
    { edgeId, trustDomain, labels }: EdgeIdentity,
    bench: CredentialBench,
    channel: ControlChannel,
    { tables }: OpenedState,
  ): Promise<WorkerPool> {
    const { config, log, onFatal } = this.#options;
    return WorkerPool.start({
      workers: config.workers,
      tables,
      init: {
        config: {
          edgeId,
          region: config.region,
          trustDomain,
          publicPort: config.publicPort,
          traceShare: config.tracing.share,
        },
        labels,
        credentials: bench.credentials(),
        logLevel: config.logLevel,
        recordRoom: this.#room.shared,
        collector: config.tracing.collector,
        overload: config.overload,
        connectionRoom: this.#connections.shared,
        rateBuckets: this.#rateBuckets,
      },
      handlers: {
        onRecords: (records, dropped) => {
          this.#lostInWorkers = addDropped(this.#lostInWorkers, dropped);
          this.#running?.uplink.addDropped(dropped);
          for (const lines of records) {
            this.#lines.write(lines);
            this.#running?.uplink.push(lines);
          }
        },
        onSightings: (sightings, dropped) => {
          this.#sightingsLostInWorkers += dropped;
          this.#running?.metrics.sightings.inc(sightings.length);
          this.#running?.sightings.push(sightings, dropped);
        },
        onCall: (call) => this.#call(channel, call),
        onStage: (stage, delivery) => this.#running?.sync.onStage(stage, delivery),
        onReadiness: () => this.#lookAtReadiness(),
        onDeath: (index, error) => {
          log.error('worker.died', { worker: index, error });
          onFatal(error);
        },
      },
      log,
    });
  }

  async #call(channel: ControlChannel, call: CallMessage): ReturnType<typeof answerCall> {
    const result = await answerCall(channel, call);
    const outcome = result.ok ? 'ok' : result.failure.code;
    this.#running?.metrics.calls.inc({ call: call.name, result: outcome });
    if (!result.ok) {
      const { log } = this.#options;
      log.warn('control.call_failed', { call: call.name, failure: result.failure });
    }
    return result;
  }

  #lookAtReadiness(): void {
    const reasons = this.#notReadyReasons();
    this.#readiness.look(reasons);
    // Not before: it takes seconds of a processor, and until then there is other work.
    if (reasons.length === 0) this.#running?.places.start();
  }

  #notReadyReasons(): readonly string[] {
    if (this.#phase !== 'running' || this.#running === null) return [this.#phase];
    return this.#running.pool.notReadyReasons();
  }

  #warnings(): readonly string[] {
    if (this.#running === null) return [];
    const { sync, opened, uplink, pool } = this.#running;
    return warningsOf({
      diskFailing: opened.disk.status().failing !== null,
      spoolFailing: uplink.spool?.failing === true,
      recordsFull: this.#room.full,
      overloaded: pool.overloaded,
      answered: sync.answered,
      ages: opened.tables.ages,
    });
  }

  async #metrics(): Promise<string> {
    if (this.#running === null) return '';
    const { metrics, pool } = this.#running;
    return renderMetrics(metrics, await pool.metrics());
  }
}

interface Running {
  readonly pool: WorkerPool;
  readonly state: EdgeState;
  readonly sync: SyncClient;
  readonly uplink: RecordUplink;
  readonly sightings: SightingUplink;
  readonly channel: ControlChannel;
  readonly opened: OpenedState;
  readonly bus: Bus | null;
  readonly places: PlaceKeeper;
  readonly certificates: ReturnType<typeof watchServerCertificates>;
  readonly renewal: Promise<void>;
  readonly metrics: EdgeMetrics;
}

function trustOf({ controlPlaneCaPem, control }: EdgeIdentity): ChannelTrust {
  return { caPem: controlPlaneCaPem, client: control };
}
