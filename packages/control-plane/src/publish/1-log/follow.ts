import { hex } from '@sallyport/shared/bytes';
import type { Log } from '@sallyport/shared/log';
import type { Lane } from '@sallyport/shared/state/model';
import { bodySha256 } from '@sallyport/shared/sync/signing';
import type { Database } from '../../store/database.ts';
import {
  type LaneHead,
  type LogConnection,
  openLogConnection,
  type Revision,
} from '../../store/log-connection.ts';
import { createSlices } from '../slices.ts';

/** Milliseconds that only go forward. */
export type Monotonic = () => number;

export interface LogListener {
  /** The next revision of its lane, right after the one before. */
  onRevision(revision: Revision): void;
  /**
   * The lane's history jumped (first read, other epoch, rows gone): all before is void.
   * `sha256`: of the body at the head, hex; null: the log does not have it.
   */
  onReset(lane: Lane, head: LaneHead, sha256: string | null): void;
}

export interface LogFollower {
  /** Resolves once the database was read for the first time, or at `stop`. Never rejects. */
  start(): Promise<void>;
  /** There may be new rows. */
  wake(): void;
  /**
   * Age of what was read, milliseconds: since the database was last asked and had nothing that this
   * replica did not then have too. Infinity before the first time.
   */
  ageMs(): number;
  stop(): Promise<void>;
}

const pollMs = 250;
const reconnectMs = 500;

/**
 * Follows some lanes of the change log: woken by NOTIFY, by commits of this process, by other
 * replicas and by a poll behind them all. Lives through the loss of the database; what was read
 * before stays.
 */
export function followLog(options: {
  readonly database: Database;
  readonly lanes: readonly Lane[];
  /** Kept here: how far this replica has read. A lane is absent before the first read. */
  readonly heads: Map<Lane, LaneHead>;
  readonly listener: LogListener;
  readonly log: Log;
  readonly monotonic: Monotonic;
}): LogFollower {
  const { database, lanes, heads, listener, log, monotonic } = options;
  const slices = createSlices(monotonic);
  let connection: LogConnection | null = null;
  let seenAtMs = Number.NEGATIVE_INFINITY;
  let stopped = false;
  let woken = false;
  let wakeUp: (() => void) | null = null;
  let running: Promise<void> = Promise.resolve();
  let failing = false;
  const first = Promise.withResolvers<void>();

  const wake = (): void => {
    woken = true;
    wakeUp?.();
  };

  const connect = async (): Promise<LogConnection> => {
    // It may be lost while it is being opened.
    let opened: LogConnection | null = null;
    opened = await openLogConnection(database, lanes, wake, () => {
      if (connection === opened) connection = null;
    });
    connection = opened;
    return opened;
  };

  const readOnce = async (): Promise<void> => {
    const open = connection ?? (await connect());
    while (!stopped) {
      const askedAtMs = monotonic();
      const page = await open.read(heads);
      for (const [lane, head] of page.heads) {
        adoptHead(lane, head, page.headsSha256.get(lane) ?? null);
      }
      for (const revision of page.revisions) {
        adoptRevision(revision);
        await slices.turn();
      }
      const behind = [...page.heads].filter(([lane, { rev }]) => (heads.get(lane)?.rev ?? 0) < rev);
      if (behind.length === 0) {
        seenAtMs = askedAtMs;
        return;
      }
      for (const [lane, head] of behind) {
        // The head moved and there are no rows for it.
        if (!page.revisions.some((revision) => revision.lane === lane)) jump(lane, head, null);
      }
    }
  };

  const jump = (lane: Lane, head: LaneHead, sha256: string | null): void => {
    heads.set(lane, head);
    listener.onReset(lane, head, sha256);
  };

  const adoptHead = (lane: Lane, head: LaneHead, sha256: string | null): void => {
    const known = heads.get(lane);
    if (known?.epoch !== head.epoch || known.rev > head.rev) jump(lane, head, sha256);
  };

  const adoptRevision = (revision: Revision): void => {
    const known = heads.get(revision.lane);
    if (known?.epoch !== revision.epoch || revision.rev <= known.rev) return;
    const { lane, rev, prevRev, body } = revision;
    // The rows between were cleaned away: nobody can be brought here by deltas.
    if (prevRev !== known.rev) return jump(lane, { ...known, rev }, hex(bodySha256(body)));
    heads.set(lane, { ...known, rev });
    listener.onRevision(revision);
  };

  const failed = async (error: unknown): Promise<void> => {
    if (!failing) log.warn('publish.log_unreachable', { lanes, error });
    failing = true;
    const broken = connection;
    connection = null;
    await broken?.close();
  };

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        wakeUp = null;
        resolve();
      };
      const timer = setTimeout(done, ms);
      wakeUp = done;
      if (woken || stopped) done();
    });

  const run = async (): Promise<void> => {
    while (!stopped) {
      woken = false;
      try {
        await readOnce();
        if (failing) log.info('publish.log_reachable', { lanes });
        failing = false;
        first.resolve();
        await pause(pollMs);
      } catch (error) {
        await failed(error);
        woken = false;
        await pause(reconnectMs);
      }
    }
  };

  return {
    start() {
      running = run();
      return first.promise;
    },
    wake,
    ageMs: () => monotonic() - seenAtMs,
    async stop() {
      stopped = true;
      wake();
      await running;
      first.resolve();
      await connection?.close();
    },
  };
}
