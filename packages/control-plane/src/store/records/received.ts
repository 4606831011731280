import type { AccessRecord } from '@sallyport/shared/access-record';

/** A record as an edge sent it, read and checked, with the JSON text that is kept. */
export interface ReceivedRecord {
  readonly record: AccessRecord;
  /** UTF-8 that Postgres takes as JSON and reads every member of. */
  readonly json: Uint8Array;
}

/** A record whose text has to be written anew. */
export function rewritten(given: AccessRecord): ReceivedRecord {
  const record = storable(given) as AccessRecord;
  return { record, json: Buffer.from(JSON.stringify(record)) };
}

/** JSON as Postgres takes it: no NUL and no half of a surrogate pair in a text. */
function storable(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\u0000', '\ufffd');
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [storable(key), storable(item)]),
  );
}
