import { readSecretText } from '../store/secrets.ts';
import { createFollower } from './follow.ts';
import { createPoster } from './http.ts';
import type { ExportMetrics, Lag } from './metrics.ts';
import type { ExportParts, Read } from './parts.ts';
import { createPump, type Pump } from './pump.ts';
import type { RowSource, What } from './rows/row.ts';
import { createSink } from './sinks/index.ts';
import type { ExportSettings, Target, Targets, WebhookSettings } from './targets.ts';
import { createDeliverer } from './webhooks/deliver.ts';
import { cursorName } from './webhooks/enqueue.ts';

/** One export or webhook at work. */
export interface Outlet {
  /** Its name among the cursors. */
  readonly cursor: string;
  readonly pump: Pump;
  /** Counts what waits. */
  readonly look: () => Promise<void>;
  readonly lags: () => readonly Lag[];
  readonly close: () => Promise<void>;
}

export interface OutletParts extends ExportParts {
  readonly metrics: ExportMetrics;
  readonly sources: readonly RowSource[];
  readonly newest: (what: What) => number | undefined;
  readonly read: Read;
}

/** The outlets that are open. Those whose settings did not change go on as they were. */
export function createOutlets(parts: OutletParts): {
  fit(targets: Targets): Promise<readonly Outlet[]>;
  close(): Promise<void>;
} {
  const open = new Map<string, Outlet>();
  let closed = false;

  return {
    async fit(targets) {
      if (closed) return [];
      const wanted = new Map<string, () => Outlet>([
        ...targets.exports.map(
          (target) => [`e${target.fingerprint}`, () => exportOutlet(parts, target)] as const,
        ),
        ...targets.webhooks.map(
          (target) => [`w${target.fingerprint}`, () => webhookOutlet(parts, target)] as const,
        ),
      ]);
      const gone = [...open].filter(([key]) => !wanted.has(key));
      for (const [key] of gone) open.delete(key);
      // Before another takes their place: two must not write one file.
      await Promise.all(gone.map(([, outlet]) => outlet.close()));
      for (const [key, make] of wanted) if (!open.has(key)) open.set(key, make());
      return [...open.values()];
    },
    async close() {
      closed = true;
      const all = [...open.values()];
      open.clear();
      await Promise.all(all.map((outlet) => outlet.close()));
    },
  };
}

function exportOutlet(parts: OutletParts, target: Target<ExportSettings>): Outlet {
  const { entry } = target;
  const what: readonly What[] = entry.what ?? ['decisions', 'audit', 'signals'];
  const sink = createSink(parts, target);
  const follower = createFollower({
    ...parts,
    name: entry.name,
    sink,
    sources: parts.sources.filter((source) => what.includes(source.what)),
  });
  const pump = createPump(follower.turn, {
    name: entry.name,
    log: parts.log,
    failed: follower.failed,
  });
  return {
    cursor: entry.name,
    pump,
    look: follower.look,
    lags: follower.lags,
    async close() {
      await pump.stop();
      await sink.close();
    },
  };
}

const requestTimeoutMs = 10_000;

function webhookOutlet(parts: OutletParts, target: Target<WebhookSettings>): Outlet {
  const { read, sealKey, log } = parts;
  const { entry, authorities, internal } = target;
  const poster = createPoster({
    url: entry.url,
    authorities,
    internal,
    timeoutMs: requestTimeoutMs,
  });
  const turn = createDeliverer({
    ...parts,
    webhook: entry,
    poster,
    secret: () => read((db) => readSecretText(db, sealKey, entry.secret)),
  });
  const name = cursorName(entry.name);
  const pump = createPump(turn, { name, log, failed: () => Promise.resolve() });
  return {
    cursor: name,
    pump,
    look: () => Promise.resolve(),
    lags: () => [],
    async close() {
      await pump.stop();
      await poster.close();
    },
  };
}
