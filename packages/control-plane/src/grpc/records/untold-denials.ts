import type { ReceivedRecord } from '../../store/records/received.ts';
import type { RecordRows } from '../../store/records/record-rows.ts';

/**
 * Denials that are stored though signals could not be told of them, because the database failed in
 * between. Their edge sends them again, and of what is known already signals are told of these alone:
 * no other counts twice, however often it comes. They are kept by this replica; what it takes with
 * it when it ends counts too little, never too much.
 */
export class UntoldDenials {
  readonly #keys = new Set<string>();
  readonly #keptMax: number;

  constructor(keptMax = 65_536) {
    this.#keptMax = keptMax;
  }

  /** Of which records signals are to be told. */
  of({ edgeId, records }: RecordRows, known: ReadonlySet<ReceivedRecord>): ReceivedRecord[] {
    return records.filter((one) => !known.has(one) || this.#keys.has(keyOf(edgeId, one)));
  }

  note(edgeId: string, records: readonly ReceivedRecord[]): void {
    for (const one of records) {
      if (one.record.outcome === 'deny') this.#keys.add(keyOf(edgeId, one));
    }
    for (const oldest of this.#keys) {
      if (this.#keys.size <= this.#keptMax) break;
      this.#keys.delete(oldest);
    }
  }

  forget(edgeId: string, records: readonly ReceivedRecord[]): void {
    if (this.#keys.size === 0) return;
    for (const one of records) this.#keys.delete(keyOf(edgeId, one));
  }
}

function keyOf(edgeId: string, { record }: ReceivedRecord): string {
  return `${edgeId}\n${record.correlationId}`;
}
