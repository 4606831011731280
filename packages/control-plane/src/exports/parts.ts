import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { SealKey } from '@sallyport/shared/seal';
import type { Registry } from 'prom-client';
import type { Database, Executor } from '../store/database.ts';

export interface ExportParts {
  readonly database: Database;
  readonly sealKey: SealKey;
  /** Name of this process. */
  readonly replica: string;
  /** What exports may write files below. */
  readonly folder: string;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
}

/** Reads on one of the few connections that exports use at a time. */
export type Read = <T>(body: (db: Executor) => Promise<T>) => Promise<T>;
