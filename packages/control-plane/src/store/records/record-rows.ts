import { parseAddress, parseNetwork } from '@sallyport/policy';
import { CopyRows } from './copy-rows.ts';
import type { ReceivedRecord } from './received.ts';

const columns = [
  'id',
  'time_ms',
  'config_version',
  'shadow_version',
  'edge_id',
  'correlation_id',
  'user_id',
  'user_email',
  'device_id',
  'route',
  'host',
  'outcome',
  'reasons',
  'rule_ids',
  'source_address',
  'record',
];
export const copyStatement = `copy access_records (${columns.join(', ')}) from stdin (format binary)`;
/** Of a row beside its record, as most are. */
const rowBytes = 512;
/** Where the id stands in a row, after the number of its columns, and the time after the id. */
const idAt = 2;
const timeAt = idAt + 12;

/**
 * Records of one edge (that of its certificate, whatever they say) as rows for COPY, written out as
 * they are read: the database waits for nothing but the ids, which it gives itself.
 */
export class RecordRows {
  readonly edgeId: string;
  readonly records: ReceivedRecord[] = [];
  readonly #copy: CopyRows;
  readonly #ends: number[] = [];
  readonly #timesMs: number[] = [];

  /** For so many records of so many bytes in all. */
  constructor(edgeId: string, records: number, bytes: number) {
    this.edgeId = edgeId;
    this.#copy = new CopyRows(records * rowBytes + bytes);
  }

  static of(edgeId: string, records: readonly ReceivedRecord[]): RecordRows {
    const bytes = records.reduce((sum, { json }) => sum + json.length, 0);
    const rows = new RecordRows(edgeId, records.length, bytes);
    for (const record of records) rows.add(record);
    return rows;
  }

  /** Size of the rows. */
  get bytes(): number {
    return this.#copy.end;
  }

  /** The end of what is within a bound, from a record on. */
  endWithin(start: number, bound: { readonly records: number; readonly bytes: number }): number {
    const from = this.#ends[start - 1] ?? 0;
    const most = Math.min(this.records.length, start + bound.records);
    let end = start;
    while (end < most && (this.#ends[end] ?? 0) - from <= bound.bytes) end += 1;
    return end;
  }

  add(received: ReceivedRecord): void {
    const { record, json } = received;
    const copy = this.#copy;
    copy.row(columns.length);
    copy.bigint(0);
    copy.bigint(0);
    copy.bigint(versionOf(record.configVersion));
    copy.bigint(versionOf((record as Partial<typeof record>).shadow?.version));
    copy.text(this.edgeId);
    copy.text(record.correlationId);
    copy.text(record.userId);
    copy.text(record.userEmail);
    copy.text(record.deviceId);
    copy.text(record.route);
    copy.text(record.host);
    copy.text(record.outcome);
    copy.texts(record.reasons);
    copy.texts(record.ruleIds);
    const network = record.sourceAddress.includes('/') ? parseNetwork(record.sourceAddress) : null;
    copy.inet(network ?? parseAddress(record.sourceAddress), network?.prefix);
    copy.bytes(json);
    this.records.push(received);
    this.#ends.push(copy.end);
    this.#timesMs.push(Date.parse(record.time));
  }

  /** When a record was, as its edge says, but not after it came in; its arrival, where that is no time or before 1970. */
  timeMs(index: number, receivedAtMs: number): number {
    const timeMs = this.#timesMs[index] ?? 0;
    return timeMs >= 0 ? Math.min(timeMs, receivedAtMs) : receivedAtMs;
  }

  /** Says the id of a row and the instant at which it came in. */
  place(index: number, id: number, receivedAtMs: number): void {
    const start = this.#ends[index - 1] ?? 0;
    this.#copy.setBigint(id, start + idAt);
    this.#copy.setBigint(this.timeMs(index, receivedAtMs), start + timeAt);
  }

  /** The rows, but for those of these records, in as few parts as there can be. */
  parts(without: ReadonlySet<ReceivedRecord>): Uint8Array[] {
    const parts: Uint8Array[] = [];
    let start = 0;
    for (const [index, record] of this.records.entries()) {
      if (without.size === 0 || !without.has(record)) continue;
      const rowStart = this.#ends[index - 1] ?? 0;
      if (rowStart > start) parts.push(this.#copy.part(start, rowStart));
      start = this.#ends[index] ?? rowStart;
    }
    if (this.#copy.end > start) parts.push(this.#copy.part(start, this.#copy.end));
    return parts;
  }
}

/** What edges say is not ours to trust: of another version, they may say nothing, or anything. */
function versionOf(version: unknown): number | null {
  return typeof version === 'number' && Number.isSafeInteger(version) ? version : null;
}
