/**
 * The id of an access record says when it came in: milliseconds since the epoch, then eleven bits
 * that count within one. Ids rise in the order of commits, so a range of time is a range of ids,
 * partitions are ranges of ids, and a reader that follows the newest id misses nothing.
 */
const perMs = 2_048;
const dayMs = 86_400_000;

/** The lowest id that a record can have which came in at this instant. */
export function recordIdAt(atMs: number): number {
  return Math.max(0, Math.floor(atMs)) * perMs;
}

/** When a record came in, by the database's clock. */
export function receivedAtMsOf(id: number): number {
  return Math.floor(id / perMs);
}

/** The UTC day of an instant, counted from 1970-01-01. */
export function dayAt(atMs: number): number {
  return Math.floor(atMs / dayMs);
}

/** The instant at which a day begins. */
export function dayStartMs(day: number): number {
  return day * dayMs;
}
