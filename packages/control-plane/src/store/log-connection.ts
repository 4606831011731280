import { setTimeout } from 'node:timers/promises';
import { type Lane, lanes, type Position } from '@sallyport/shared/state/model';
import type { Database } from './database.ts';
import { unavailable } from './failure.ts';

/** One row of the change log. */
export interface Revision {
  readonly lane: Lane;
  readonly epoch: number;
  readonly prevRev: number;
  readonly rev: number;
  /** Encoded `Ops`. */
  readonly body: Uint8Array;
}

/** Heads and new rows as of one instant. */
export interface LogPage {
  readonly heads: ReadonlyMap<Lane, Position>;
  /** By lane, then by revision; at most `revisionsMax` of a lane. */
  readonly revisions: readonly Revision[];
}

export interface LogConnection {
  /** What is newer than `known`; of a lane that is not in `known`, or of another epoch, no rows. */
  read(known: ReadonlyMap<Lane, Position>): Promise<LogPage>;
  close(): Promise<void>;
}

const revisionsMax = 200;
const queryTimeoutMs = 2_000;
const closeTimeoutMs = 1_000;

interface Row {
  readonly lane: Lane;
  readonly head_epoch: string;
  readonly head_rev: string;
  readonly prev_rev: string | null;
  readonly rev: string | null;
  readonly body: Buffer | null;
}

// One statement, so that heads and rows come from one snapshot and one round trip.
const pageQuery = `
  select h.lane, h.epoch as head_epoch, h.rev as head_rev, c.prev_rev, c.rev, c.body
  from lane_heads h
  left join unnest($1::text[], $2::bigint[], $3::bigint[]) as k(lane, epoch, rev)
    on k.lane = h.lane and k.epoch = h.epoch
  left join lateral (
    select prev_rev, rev, body from change_log
    where lane = h.lane and epoch = h.epoch and rev > k.rev and rev <= h.rev
    order by rev limit ${revisionsMax}
  ) c on true
  order by h.lane, c.rev`;

/**
 * A connection of its own for following the change log: it listens for `sallyport_changes` and
 * reads, so that neither waits for a pool. `onWake` is a hint; `onLost` comes once, at the end.
 */
export async function openLogConnection(
  database: Database,
  onWake: () => void,
  onLost: () => void,
): Promise<LogConnection> {
  const client = await database.connect();
  client.on('notification', onWake);
  client.on('end', onLost);
  // A server that vanished without a word would keep `end` waiting.
  const close = (): Promise<void> =>
    Promise.race([
      client.end().catch(() => undefined),
      setTimeout(closeTimeoutMs, undefined, { ref: false }),
    ]);
  try {
    await client.query('listen sallyport_changes');
  } catch (cause) {
    await close();
    throw unavailable(cause);
  }
  return {
    close,
    async read(known) {
      const list = [...known];
      const { rows } = await client.query<Row>({
        text: pageQuery,
        values: [
          list.map(([lane]) => lane),
          list.map(([, { epoch }]) => epoch),
          list.map(([, { rev }]) => rev),
        ],
        query_timeout: queryTimeoutMs,
      } as { text: string; values: unknown[] });
      return toPage(rows);
    },
  };
}

function toPage(rows: readonly Row[]): LogPage {
  const heads = new Map<Lane, Position>();
  const revisions: Revision[] = [];
  for (const row of rows) {
    // A lane of a newer version of the schema is left to the replicas that know it.
    if (!lanes.includes(row.lane)) continue;
    const epoch = Number(row.head_epoch);
    heads.set(row.lane, { epoch, rev: Number(row.head_rev) });
    if (row.rev === null || row.prev_rev === null || row.body === null) continue;
    revisions.push({
      lane: row.lane,
      epoch,
      prevRev: Number(row.prev_rev),
      rev: Number(row.rev),
      body: row.body,
    });
  }
  return { heads, revisions };
}
