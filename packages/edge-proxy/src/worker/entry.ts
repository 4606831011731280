import { flushCompileCache } from 'node:module';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { systemClock } from '@sallyport/shared/clock';
import { createLog } from '@sallyport/shared/log';
import { RememberedLookup } from '@sallyport/shared/network/remembered-lookup';
import type { LayoutChange } from '@sallyport/shared/state/tables/lane';
import { StateReader } from '@sallyport/shared/state/tables/reader';
import { createCollector } from '../ops/tracing/collector.ts';
import { spanOf } from '../ops/tracing/span.ts';
import { SpanExporter } from '../ops/tracing/span-exporter.ts';
import { addSpanMetrics } from '../ops/tracing/span-metrics.ts';
import type { SharedPlaces } from '../places/place-file.ts';
import { PlaceReader } from '../places/reader.ts';
import { SharedBuckets } from '../request/limits/shared-buckets.ts';
import { createRequestWorker } from '../request/worker.ts';
import { SightingOutbox } from '../sightings/sighting-outbox.ts';
import { LaneAges } from '../state/lane-ages.ts';
import { createWorkerState } from '../state/worker-state.ts';
import { ConnectionRoom } from './connection-room.ts';
import { WorkerCalls } from './control-calls.ts';
import type { FromWorker, ListenerName, StateMessage, ToWorker, WorkerInit } from './messages.ts';
import { watchOverload } from './overload-watch.ts';
import { RecordOutbox } from './record-outbox.ts';
import { RecordRoom } from './record-room.ts';
import { Redecisions } from './redecisions.ts';
import { createRequestMetrics } from './request-metrics.ts';

/** A request worker: its own listener; the rows of the state are in memory that all share. */

const lookEveryMs = 250;
/** What the last spans get to leave. */
const spansMs = 1_000;
/** What the end takes at the most where it is not known what still works. */
const lastWordsMs = 1_000;

if (parentPort === null) throw new Error('entry.ts runs as a worker of main.ts');
const port = parentPort;
const init = workerData as WorkerInit;
const post = (message: FromWorker): void => port.postMessage(message);

const log = createLog(init.logLevel, { worker: init.index });
const state = createWorkerState({
  edgeId: init.config.edgeId,
  labels: init.labels,
  credentials: init.credentials,
  reader: new StateReader(init.state, nextLayout),
  ages: new LaneAges(init.state.ages),
});
const calls = new WorkerCalls(post);
const outbox = new RecordOutbox((message, buffers) => port.postMessage(message, buffers));
const sightings = new SightingOutbox(post);
const places = new PlaceReader();
const room = new RecordRoom(init.recordRoom);
const metrics = createRequestMetrics(() => worker, places);
const spans =
  init.collector === null
    ? null
    : new SpanExporter({
        deliver: createCollector(init.collector),
        edge: init.config.edgeId,
        region: init.config.region,
        log,
      });
addSpanMetrics([metrics.registry], () => spans?.counts ?? null);
const sheds = watchOverload({
  limits: init.overload,
  youngBytes: init.youngBytes,
  registers: [metrics.registry],
  onChange: (overloaded) => post({ type: 'overload', overloaded }),
  log,
});
const worker = createRequestWorker({
  config: init.config,
  state: state.current,
  places,
  connectionRoom: new ConnectionRoom(init.connectionRoom),
  control: calls,
  emitRecord: (record) => {
    metrics.count(record);
    outbox.push(record);
  },
  emitSightings: (seen, dropped) => sightings.push(seen, dropped),
  emitSpan: spans === null ? null : (source) => spans.push(spanOf(source)),
  observe: (value) => metrics.observe(value),
  recordLost: () => outbox.lost(),
  countShadow: (result) => metrics.countShadow(result),
  buckets: new SharedBuckets(init.rateBuckets),
  countLimited: (per) => metrics.countLimited(per),
  headerSizes: metrics.headerSizes,
  recordsFull: () => room.full || outbox.tight,
  sheds,
  lookup: new RememberedLookup().lookup,
  log,
  clock: systemClock,
});
const redecisions = new Redecisions(
  (change) => worker.redecide(change),
  (seq) => post({ type: 'enforced', seq }),
);

process.on('uncaughtException', (error) => void fail(error));

let failed = false;
let reported: readonly string[] | null = null;
reportReadiness();
setInterval(() => {
  state.look(systemClock());
  reportReadiness();
}, lookEveryMs).unref();
port.on('message', (message: ToWorker) => void take(message));
// What the worker alone has compiled.
flushCompileCache();
post({ type: 'started' });

async function take(message: ToWorker): Promise<void> {
  switch (message.type) {
    case 'changed':
    case 'config':
      return applyState(message);
    case 'credentials':
      state.setCredentials(message.credentials);
      reportReadiness();
      // A cookie key that is gone takes its sessions with it, whoever's they are.
      return redecisions.add(null, { subjects: null });
    case 'places':
      return usePlaces(message.places);
    case 'reply':
      return calls.onReply(message);
    case 'records_taken':
      return outbox.taken(message.batches);
    case 'sightings_taken':
      return sightings.taken(message.batches);
    case 'metrics':
      return post({
        type: 'metrics',
        id: message.id,
        metrics: await metrics.registry.getMetricsAsJSON(),
      });
    case 'listen':
      return listen(message.what, message.address);
    case 'drain':
      await worker.drain(message.deadlineMs);
      await Promise.all([outbox.emptied(), spans?.stop(spansMs)]);
      return post({ type: 'drained' });
  }
}

/** Ends what is under way, so that all of it is recorded, and then the worker. */
async function fail(error: unknown): Promise<void> {
  if (failed) process.exit(1);
  failed = true;
  setTimeout(() => process.exit(1), lastWordsMs);
  try {
    post({ type: 'failed', error });
    await worker.drain(0);
    await outbox.emptied();
  } finally {
    process.exit(1);
  }
}

async function usePlaces(shared: SharedPlaces): Promise<void> {
  try {
    await places.use(shared);
  } catch (error) {
    // They were checked, so this is a bug: the worker goes on with those that it has.
    log.error('places.unusable', { error });
    return;
  }
  // Who may be somewhere else now is decided about again.
  redecisions.add(null, { subjects: null });
}

function applyState(message: StateMessage): void {
  const change = state.apply(message);
  post({ type: 'applied', seq: message.seq });
  reportReadiness();
  redecisions.add(message.seq, change);
}

/** Synchronous: a reader that meets a shard of another layout cannot wait for a message. */
function nextLayout(): LayoutChange | null {
  const received = receiveMessageOnPort(init.layout) as { message: LayoutChange } | undefined;
  return received?.message ?? null;
}

async function listen(
  what: ListenerName,
  address: Parameters<typeof worker.listen>[0],
): Promise<void> {
  try {
    const listening =
      what === 'public' ? worker.listen(address) : worker.listenForVerdicts(address);
    post({ type: 'listening', port: await listening });
  } catch (error) {
    log.error('worker.listen_failed', { error });
    post({ type: 'listen_failed', message: error instanceof Error ? error.message : 'unknown' });
  }
}

function reportReadiness(): void {
  const reasons = [...state.current.notReadyReasons(), ...state.tooOld()];
  if (reported !== null && reported.join() === reasons.join()) return;
  reported = reasons;
  post({ type: 'readiness', reasons });
}
