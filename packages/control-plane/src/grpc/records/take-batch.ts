import type { RecordRequest } from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import type { Log } from '@sallyport/shared/log';
import type { Signals } from '../../signals/signals.ts';
import { CallError } from '../call-error.ts';
import type { GrpcMetrics } from '../metrics.ts';
import type { RecordReader } from './record-reader.ts';
import type { RecordWriter } from './record-writer.ts';
import type { UntoldDenials } from './untold-denials.ts';

export interface RecordParts {
  readonly reader: RecordReader;
  readonly writer: RecordWriter;
  readonly signals: Signals;
  readonly untold: UntoldDenials;
  readonly log: Log;
  readonly metrics: GrpcMetrics;
}

const recordsPerBatchMax = 2_000;

/**
 * Stores one batch of access records; when it resolves the records are durable and the batch may be
 * acknowledged. A record that cannot be read is counted and left out: refusing the batch would make
 * the edge send it for ever. Signals are told of those that are new, after those of the batches
 * `before`.
 */
export async function takeBatch(
  { reader, writer, signals, untold, log, metrics }: RecordParts,
  edgeId: string,
  request: RecordRequest,
  before: Promise<void> = Promise.resolve(),
): Promise<void> {
  const lines = request.recordsJson.flatMap((bytes) => [...linesOf(bytes)]);
  if (lines.length > recordsPerBatchMax) {
    throw new CallError(status.INVALID_ARGUMENT, `more than ${recordsPerBatchMax} records at once`);
  }
  const rows = await reader.read(edgeId, lines);
  const { known, unstorable } = await writer.store(rows, (already) => untold.note(edgeId, already));
  const again = rows.records.filter((record) => known.has(record)).length;
  metrics.recordsStored(rows.records.length - unstorable - again);
  const news = untold.of(rows, known);
  try {
    await before;
    await signals.takeRecords(news.map(({ record }) => record));
  } catch (error) {
    untold.note(edgeId, news);
    throw error;
  }
  untold.forget(edgeId, news);
  const unreadable = lines.length - rows.records.length + unstorable;
  if (unreadable > 0) log.warn('grpc.records_unreadable', { edge: edgeId, unreadable });
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
