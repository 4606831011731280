import { setTimeout } from 'node:timers/promises';
import { SallyportError } from '@sallyport/shared/errors';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { Database } from './database.ts';
import { unavailable } from './failure.ts';
import { checkServer } from './server-identity.ts';

/** One row of the change log. */
export interface Revision {
  readonly lane: Lane;
  readonly epoch: number;
  readonly prevRev: number;
  readonly rev: number;
  /** Encoded `Ops`. */
  readonly body: Uint8Array;
}

/** The head of a lane, and what its epoch goes on from. */
export interface LaneHead extends Position {
  /** The last position of the epoch before; null in the first. */
  readonly forkedAt: Position | null;
}

/** Heads and new rows as of one instant. */
export interface LogPage {
  readonly heads: ReadonlyMap<Lane, LaneHead>;
  /** SHA-256 (hex) of the body at a head that was not known: no revisions come with it. */
  readonly headsSha256: ReadonlyMap<Lane, string>;
  /** By lane, then by revision. */
  readonly revisions: readonly Revision[];
}

export interface LogConnection {
  /** What is newer than `known`; of a lane that is not in `known`, or of another epoch, no rows. */
  read(known: ReadonlyMap<Lane, Position>): Promise<LogPage>;
  close(): Promise<void>;
}

/**
 * Revisions of a lane in one page. Few where one may hold a thousand ops: a page is decoded in one
 * go, and what else this process has to send waits for it.
 */
const revisionsMax: Readonly<Record<Lane, number>> = {
  revoke: 200,
  signals: 100,
  config: 8,
  directory: 16,
};
const queryTimeoutMs = 2_000;
const closeTimeoutMs = 1_000;

interface Row {
  readonly lane: Lane;
  readonly head_epoch: string;
  readonly head_rev: string;
  readonly forked_epoch: string | null;
  readonly forked_rev: string | null;
  readonly head_sha256: string | null;
  readonly prev_rev: string | null;
  readonly rev: string | null;
  readonly body: Buffer | null;
}

// One statement, so that heads and rows come from one snapshot and one round trip.
const pageQuery = `
  select h.lane, h.epoch as head_epoch, h.rev as head_rev, e.forked_epoch, e.forked_rev,
    o.head_sha256, c.prev_rev, c.rev, c.body
  from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) as k(lane, page, epoch, rev)
  join lane_heads h on h.lane = k.lane
  left join lane_epochs e on e.lane = h.lane and e.epoch = h.epoch
  left join lateral (
    select encode(sha256(body), 'hex') as head_sha256 from change_log
    where lane = h.lane and epoch = h.epoch and rev = h.rev
      and (k.epoch is distinct from h.epoch or k.rev > h.rev)
  ) o on true
  left join lateral (
    select prev_rev, rev, body from change_log
    where lane = h.lane and epoch = h.epoch and k.epoch = h.epoch and rev > k.rev and rev <= h.rev
    order by rev limit k.page
  ) c on true
  order by h.lane, c.rev`;

/**
 * A connection of its own for following some lanes of the change log: it listens for
 * `sallyport_changes` and reads, so that neither waits for a pool. `onWake` is a hint; `onLost`
 * comes once, at the end.
 */
export async function openLogConnection(
  database: Database,
  lanes: readonly Lane[],
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
    await checkServer(database, client);
    await client.query('listen sallyport_changes');
  } catch (cause) {
    await close();
    throw cause instanceof SallyportError ? cause : unavailable(cause);
  }
  return {
    close,
    async read(known) {
      const { rows } = await client.query<Row>({
        text: pageQuery,
        values: [
          lanes,
          lanes.map((lane) => revisionsMax[lane]),
          lanes.map((lane) => known.get(lane)?.epoch ?? null),
          lanes.map((lane) => known.get(lane)?.rev ?? null),
        ],
        query_timeout: queryTimeoutMs,
      } as { text: string; values: unknown[] });
      return toPage(rows);
    },
  };
}

function toPage(rows: readonly Row[]): LogPage {
  const heads = new Map<Lane, LaneHead>();
  const headsSha256 = new Map<Lane, string>();
  const revisions: Revision[] = [];
  for (const row of rows) {
    const epoch = Number(row.head_epoch);
    heads.set(row.lane, { epoch, rev: Number(row.head_rev), forkedAt: forkedAtOf(row) });
    if (row.head_sha256 !== null) headsSha256.set(row.lane, row.head_sha256);
    if (row.rev === null || row.prev_rev === null || row.body === null) continue;
    revisions.push({
      lane: row.lane,
      epoch,
      prevRev: Number(row.prev_rev),
      rev: Number(row.rev),
      body: row.body,
    });
  }
  return { heads, headsSha256, revisions };
}

function forkedAtOf({ forked_epoch, forked_rev }: Row): Position | null {
  if (forked_epoch === null || forked_rev === null) return null;
  return { epoch: Number(forked_epoch), rev: Number(forked_rev) };
}
