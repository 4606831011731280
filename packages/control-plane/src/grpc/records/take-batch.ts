import type { RecordRequest } from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import { insertAccessRecords } from '../../store/access-records.ts';
import type { Database } from '../../store/database.ts';
import { CallError } from '../call-error.ts';
import type { GrpcMetrics } from '../metrics.ts';
import { readRecord } from './read-record.ts';

export interface RecordParts {
  readonly database: Database;
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
  { database, clock, log, metrics }: RecordParts,
  edgeId: string,
  request: RecordRequest,
): Promise<void> {
  if (request.recordsJson.length > recordsPerBatchMax) {
    throw new CallError(status.INVALID_ARGUMENT, `more than ${recordsPerBatchMax} records at once`);
  }
  const read = request.recordsJson.map((bytes) => readRecord(bytes, edgeId));
  const records = read.filter((record) => record !== null);
  const unreadable = read.length - records.length;
  if (unreadable > 0) log.warn('grpc.records_unreadable', { edge: edgeId, unreadable });
  await insertAccessRecords(database, edgeId, records, clock());
  metrics.recordsStored(records.length);
  metrics.recordsUnreadable(unreadable);
  for (const [name, lost] of Object.entries(request.dropped).slice(0, 16)) {
    const dropped = Number(lost);
    if (dropped === 0) continue;
    log.warn('grpc.records_dropped_at_edge', { edge: edgeId, class: name.slice(0, 32), dropped });
    metrics.recordsDroppedAtEdge(dropped);
  }
}
