import type { RecordRequest } from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { Signals } from '../../signals/signals.ts';
import { insertAccessRecords } from '../../store/access-records.ts';
import type { Database } from '../../store/database.ts';
import { CallError } from '../call-error.ts';
import type { GrpcMetrics } from '../metrics.ts';
import { readRecord } from './read-record.ts';

export interface RecordParts {
  readonly database: Database;
  readonly signals: Signals;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: GrpcMetrics;
}

const recordsPerBatchMax = 2_000;

/**
 * Stores one batch of access records; when it resolves the records are durable and the batch may be
 * acknowledged. A record that cannot be read is counted and left out: refusing the batch would make
 * the edge send it for ever.
 */
export async function takeBatch(
  { database, signals, clock, log, metrics }: RecordParts,
  edgeId: string,
  request: RecordRequest,
): Promise<void> {
  const lines = request.recordsJson.flatMap((bytes) => [...linesOf(bytes)]);
  if (lines.length > recordsPerBatchMax) {
    throw new CallError(status.INVALID_ARGUMENT, `more than ${recordsPerBatchMax} records at once`);
  }
  const read = lines.map((line) => readRecord(line, edgeId));
  const records = read.filter((record) => record !== null);
  const unreadable = read.length - records.length;
  if (unreadable > 0) log.warn('grpc.records_unreadable', { edge: edgeId, unreadable });
  await insertAccessRecords(database, edgeId, records, clock());
  await signals.takeRecords(records);
  metrics.recordsStored(records.length);
  metrics.recordsUnreadable(unreadable);
  for (const [name, lost] of Object.entries(request.dropped).slice(0, 16)) {
    const dropped = Number(lost);
    if (dropped === 0) continue;
    log.warn('grpc.records_dropped_at_edge', { edge: edgeId, class: name.slice(0, 32), dropped });
    metrics.recordsDroppedAtEdge(dropped);
  }
}

const lineFeed = 0x0a;

/** JSON lines one by one, without their line feeds; the last may do without. */
function* linesOf(bytes: Uint8Array): Generator<Uint8Array> {
  let start = 0;
  while (start < bytes.length) {
    const found = bytes.indexOf(lineFeed, start);
    const end = found < 0 ? bytes.length : found;
    if (end > start) yield bytes.subarray(start, end);
    start = end + 1;
  }
}
