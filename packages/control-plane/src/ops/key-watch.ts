import type { Clock } from '@sallyport/shared/clock';
import { rotateBeforeMs } from '@sallyport/shared/keys/signing-key';
import type { Log } from '@sallyport/shared/log';
import { Gauge, type Registry } from 'prom-client';
import { type Database, read } from '../store/database.ts';
import { readKeyEnds } from '../store/keys.ts';

const everyMs = 3_600_000;
const dayMs = 86_400_000;

export interface KeyWatch {
  stop(): void;
}

/**
 * Looks each hour how long the keys of each purpose last: into the metrics, and as a warning where
 * it is time to rotate. What the control plane cannot sign, edges do not take.
 */
export async function watchKeys(parts: {
  readonly database: Database;
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<KeyWatch> {
  const { database, metrics, clock, log } = parts;
  const gauge = new Gauge({
    name: 'sallyport_signing_key_seconds_left',
    help: 'Until the last key of a purpose ends',
    labelNames: ['purpose'],
    registers: [metrics],
  });
  const look = async (): Promise<void> => {
    try {
      for (const { purpose, endsAtMs } of await read(database, readKeyEnds)) {
        const leftMs = endsAtMs - clock();
        gauge.set({ purpose }, Math.floor(leftMs / 1000));
        if (leftMs < rotateBeforeMs) {
          log.warn('keys.rotate_soon', { purpose, daysLeft: Math.floor(leftMs / dayMs) });
        }
      }
    } catch (error) {
      log.debug('keys.not_read', { error });
    }
  };
  await look();
  const timer = setInterval(() => void look(), everyMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
