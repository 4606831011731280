import { flushCompileCache } from 'node:module';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { systemClock } from '@sallyport/shared/clock';
import { createLog } from '@sallyport/shared/log';
import { RememberedLookup } from '@sallyport/shared/network/remembered-lookup';
import type { LayoutChange } from '@sallyport/shared/state/tables/lane';
import { StateReader } from '@sallyport/shared/state/tables/reader';
import type { SharedPlaces } from '../places/place-file.ts';
import { PlaceReader } from '../places/reader.ts';
import { SharedBuckets } from '../request/limits/shared-buckets.ts';
import { createRequestWorker } from '../request/worker.ts';
import { SightingOutbox } from '../sightings/sighting-outbox.ts';
import { LaneAges } from '../state/lane-ages.ts';
import { createWorkerState } from '../state/worker-state.ts';
import { ConnectionRoom } from './connection-room.ts';
import { WorkerCalls } from './control-calls.ts';
import type { FromWorker, StateMessage, ToWorker, WorkerInit } from './messages.ts';
import { RecordOutbox } from './record-outbox.ts';
import { RecordRoom } from './record-room.ts';
import { Redecisions } from './redecisions.ts';
import { createRequestMetrics } from './request-metrics.ts';

/** A request worker: its own listener; the rows of the state are in memory that all share. */

const lookEveryMs = 250;

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
  recordLost: () => outbox.lost(),
  countShadow: (result) => metrics.countShadow(result),
  buckets: new SharedBuckets(init.rateBuckets),
  countLimited: (per) => metrics.countLimited(per),
  headerSizes: metrics.headerSizes,
  recordsFull: () => room.full || outbox.tight,
  lookup: new RememberedLookup().lookup,
  log,
  clock: systemClock,
});
const redecisions = new Redecisions(
  (change) => worker.redecide(change),
  (seq) => post({ type: 'enforced', seq }),
);

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
      return listen(message.address);
    case 'drain':
      await worker.drain(message.deadlineMs);
      await outbox.emptied();
      return post({ type: 'drained' });
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

async function listen(address: Parameters<typeof worker.listen>[0]): Promise<void> {
  try {
    post({ type: 'listening', port: await worker.listen(address) });
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
