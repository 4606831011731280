import type { Clock } from '@sallyport/shared/clock';
import { retryDelayMs } from '@sallyport/shared/retry';
import type { Leader } from '../../store/leases.ts';
import { type DeliveryRow, listDue, noteAttempt } from '../../store/webhook-deliveries.ts';
import { ExportFailure } from '../failure.ts';
import type { Poster } from '../http.ts';
import type { ExportMetrics } from '../metrics.ts';
import type { Read } from '../parts.ts';
import type { Turn } from '../pump.ts';
import type { What } from '../rows/row.ts';
import { enqueue } from './enqueue.ts';
import type { EventKind } from './events.ts';
import { readKeys, signedHeaders } from './sign.ts';
import { eventSources } from './sources.ts';

export interface DelivererParts {
  readonly read: Read;
  readonly clock: Clock;
  readonly metrics: ExportMetrics;
  readonly webhook: { readonly name: string; readonly events: readonly EventKind[] };
  readonly poster: Poster;
  /** The value of the secret as it is now; null: there is none. */
  readonly secret: () => Promise<string | null>;
  /** Up to where each kind of rows can be followed now; undefined: nobody has looked yet. */
  readonly newest: (what: What) => number | undefined;
}

/** Requests at once. */
const sidesMax = 4;
const backoff = { firstMs: 10_000, maxMs: 3_600_000 };

/** One webhook's turn: makes deliveries of what happened, then sends what is due. */
export function createDeliverer(parts: DelivererParts): Turn {
  const { read, clock, webhook, newest } = parts;
  return async (leader, signal) => {
    for (const source of eventSources) {
      const upToId = newest(source.what);
      if (upToId === undefined) continue;
      while (!signal.aborted && (await enqueue(leader, webhook, source, upToId, clock())));
    }
    while (!signal.aborted) {
      const due = await read((db) => listDue(db, webhook.name, clock(), sidesMax));
      if (due.length === 0) return;
      const ends = await Promise.allSettled(due.map((row) => deliver(parts, leader, row, signal)));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    }
  };
}

async function deliver(
  parts: DelivererParts,
  leader: Leader,
  row: DeliveryRow,
  signal: AbortSignal,
): Promise<void> {
  const { status, failure, retryAfterMs } = await attempt(parts, row, signal);
  if (signal.aborted) return;
  const nowMs = parts.clock();
  if (failure === null) {
    await leader.run((db) =>
      noteAttempt(db, row, {
        state: 'delivered',
        nextAtMs: nowMs,
        lastStatus: status,
        lastFailure: null,
        settledAtMs: nowMs,
      }),
    );
    parts.metrics.delivery(row.webhook, 'delivered');
    return;
  }
  const delayMs = retryDelayMs(row.attempts, backoff, Math.random());
  const nextAtMs = nowMs + Math.max(delayMs, retryAfterMs ?? 0);
  const dead = nextAtMs >= row.giveUpAtMs;
  await leader.run((db) =>
    noteAttempt(db, row, {
      state: dead ? 'dead' : 'pending',
      nextAtMs,
      lastStatus: status,
      lastFailure: failure,
      settledAtMs: dead ? nowMs : null,
    }),
  );
  parts.metrics.delivery(row.webhook, dead ? 'dead' : 'failed');
}

interface Attempt {
  readonly status: number | null;
  /** null: it was taken. */
  readonly failure: string | null;
  readonly retryAfterMs: number | null;
}

async function attempt(
  { poster, secret, clock }: DelivererParts,
  row: DeliveryRow,
  signal: AbortSignal,
): Promise<Attempt> {
  try {
    const value = await secret();
    if (value === null) throw new ExportFailure('its secret is not set');
    const keys = readKeys(value);
    const headers = signedHeaders(keys, row.id, Math.floor(clock() / 1_000), row.body);
    const { status, retryAfterMs } = await poster.post(headers, row.body, signal);
    // A redirect is not followed: it would take the event to somebody else.
    const taken = status >= 200 && status < 300;
    return { status, failure: taken ? null : `the receiver answered ${status}`, retryAfterMs };
  } catch (error) {
    if (!(error instanceof ExportFailure)) throw error;
    return { status: null, failure: error.message, retryAfterMs: null };
  }
}
