/**
 * Takes batches of access records as the gRPC server does, from the bytes of a request to the
 * commit. A process of its own, for measurements: DATABASE_URL, COUNT (records in all), STREAMS (at
 * once) and BATCH (records of one). Prints one JSON line when it is done.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { RecordRequestSchema } from '@sallyport/proto';
import { newId } from '@sallyport/shared/ids';
import { createLog } from '@sallyport/shared/log';
import { Registry } from 'prom-client';
import { takeInOrder } from '../grpc/in-order.ts';
import { createGrpcMetrics } from '../grpc/metrics.ts';
import { RecordReader } from '../grpc/records/record-reader.ts';
import { batchesAtOnceMax } from '../grpc/records/record-stream.ts';
import { RecordWriter } from '../grpc/records/record-writer.ts';
import { takeBatch } from '../grpc/records/take-batch.ts';
import { UntoldDenials } from '../grpc/records/untold-denials.ts';
import { createSignals } from '../signals/signals.ts';
import { openDatabase } from '../store/database.ts';
import { typicalRecord } from './typical-record.ts';

const numberOf = (name: string, otherwise: number) => Number(process.env[name] ?? otherwise);
const count = numberOf('COUNT', 100_000);
const streams = numberOf('STREAMS', 4);
const batchRecords = numberOf('BATCH', 500);
const usersMax = 10_000;

const log = createLog('error');
const database = openDatabase(process.env['DATABASE_URL'] ?? '', log);
const gauges = { connections: () => 0, streams: () => 0, logAgeMs: () => 0 };
const registry = new Registry();
const parts = {
  signals: createSignals({ database, clock: Date.now, log, registry }),
  reader: new RecordReader(),
  writer: new RecordWriter(database),
  untold: new UntoldDenials(),
  log,
  metrics: createGrpcMetrics(registry, gauges),
};

/** Requests as they come in, made before the clock runs. */
let recordBytes = 0;
const requests = Array.from({ length: Math.ceil(count / batchRecords) }, (_, batch) => {
  const edge = `edg_bench${batch % streams}`;
  const recordsJson = Array.from({ length: batchRecords }, (_, at) => {
    const record = typicalRecord((batch * batchRecords + at * 7_919) % usersMax);
    const line = Buffer.from(JSON.stringify({ ...record, correlationId: newId('req'), edge }));
    recordBytes += line.length;
    return line;
  });
  const request = create(RecordRequestSchema, { batch: BigInt(batch + 1), recordsJson });
  return { edge, bytes: toBinary(RecordRequestSchema, request) };
});
const records = requests.length * batchRecords;

const cpuAtStart = process.cpuUsage();
const startedAt = performance.now();

async function stream(index: number): Promise<void> {
  async function* batches() {
    for (let at = index; at < requests.length; at += streams) {
      const request = requests[at];
      if (request === undefined) return;
      yield { edge: request.edge, batch: fromBinary(RecordRequestSchema, request.bytes) };
    }
  }
  await takeInOrder(batches(), {
    atOnceMax: batchesAtOnceMax,
    admit: () => Promise.resolve(),
    take: ({ edge, batch }, before) => takeBatch(parts, edge, batch, before),
    answer: () => undefined,
  });
}

await Promise.all(Array.from({ length: streams }, (_, index) => stream(index)));
const seconds = (performance.now() - startedAt) / 1_000;
const { user, system } = process.cpuUsage(cpuAtStart);
const cpuSeconds = (user + system) / 1e6;
process.stdout.write(
  `${JSON.stringify({ records, seconds, cpuSeconds, bytesEach: recordBytes / records })}\n`,
);
await database.close();
