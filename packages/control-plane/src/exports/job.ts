import { read } from '../store/database.ts';
import { runAsLeader } from '../store/leader-job.ts';
import type { Leader } from '../store/leases.ts';
import { keepBooks } from './books.ts';
import { createGate } from './gate.ts';
import { createExportMetrics } from './metrics.ts';
import { createOutlets, type Outlet } from './outlets.ts';
import type { ExportParts } from './parts.ts';
import { auditRows } from './rows/audit.ts';
import { decisions } from './rows/decisions.ts';
import type { RowSource, What } from './rows/row.ts';
import { signals } from './rows/signals.ts';
import { createTargetsReader } from './targets.ts';

const everyMs = 1_000;
const booksEveryMs = 10_000;
/** Of the connections that everybody shares; outlets with much to do wait for each other. */
const connectionsMax = 3;
/** So long after its last run a replica says that it leads. */
const leadingMs = 5_000;

/**
 * Sends rows and events where the live settings say, on one replica of all. A run only looks how far
 * each kind of rows goes and wakes the outlets; these do their work beside it, each for itself.
 */
export function startExports(parts: ExportParts): {
  /** Looks now, if this replica is or becomes the leader. Never rejects. */
  runNow(): Promise<void>;
  stop(): Promise<void>;
} {
  const { database, replica, registry, clock, log } = parts;
  const sources: readonly RowSource[] = [decisions, auditRows(), signals];
  const newest = new Map<What, number>();
  /** How far they went when the books were kept last: a sink that works has sent those by now. */
  let before: ReadonlyMap<What, number> | null = null;
  const pending = new Map<string, number>();
  const readTargets = createTargetsReader();
  let open: readonly Outlet[] = [];
  let booksAtMs = Number.NEGATIVE_INFINITY;
  let ledAtMs = Number.NEGATIVE_INFINITY;
  const leads = (): boolean => performance.now() - ledAtMs < leadingMs;
  const metrics = createExportMetrics(registry, {
    lags: () => (leads() ? open.flatMap((outlet) => outlet.lags()) : []),
    pending: () => (leads() ? pending : new Map()),
  });
  const gate = createGate(connectionsMax);
  const outlets = createOutlets({
    ...parts,
    metrics,
    sources,
    newest: (what) => newest.get(what),
    read: (body) => gate(() => read(database, body)),
  });

  const job = runAsLeader(
    { database, name: 'exports', holder: replica, everyMs, log },
    async (leader: Leader) => {
      open = await outlets.fit(await leader.run(readTargets));
      if (open.length === 0) newest.clear();
      else {
        for (const source of sources) {
          newest.set(source.what, await leader.run((db) => source.newest(db)));
        }
      }
      if (performance.now() - booksAtMs > booksEveryMs) {
        booksAtMs = performance.now();
        const noted = before ?? newest;
        await keepBooks(leader, { open, newest: noted, pending, metrics, nowMs: clock() });
        before = new Map(newest);
      }
      ledAtMs = performance.now();
      const gated: Leader = { ...leader, run: (body) => gate(() => leader.run(body)) };
      for (const { pump } of open) pump.kick(gated);
      for (const { look } of open) await look();
    },
  );
  return {
    runNow: () => job.runNow(),
    async stop() {
      await outlets.close();
      await job.stop();
    },
  };
}
