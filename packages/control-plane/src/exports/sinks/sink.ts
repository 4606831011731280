import type { ExportRow } from '../rows/row.ts';

/** Where rows go. One batch at a time, and each sink for itself. */
export interface Sink {
  /** Rows in a batch at the most. */
  readonly batchMax: number;
  /**
   * Sends rows in their order. It resolves when the other side has them, as far as its protocol can
   * say so, and rejects with `ExportFailure` otherwise, within a bounded time; `signal` ends it at
   * once. The rows are sent again then, so some may arrive twice.
   */
  send(rows: readonly ExportRow[], signal: AbortSignal): Promise<SendResult>;
  close(): Promise<void>;
}

export interface SendResult {
  /** Rows that the receiver refuses for what they are, and that are not sent again. */
  readonly rejected: number;
}
