import type { Executor } from '../../store/database.ts';

/** The kinds of rows that are followed, as Settings name them. */
export type What = 'decisions' | 'audit' | 'signals';

export type Severity = 'info' | 'notice' | 'warning';

/** Texts and numbers by name, for formats that have fields of their own. null: none. */
export type Field = readonly [name: string, value: string | number | null];

/** One row as every format is made from it. */
export interface ExportRow {
  /** Rises in the order of what is sent; the same number is the same row, sent again. */
  readonly position: number;
  /** When it happened, milliseconds; an edge's word for decisions. */
  readonly timeMs: number;
  /** When the control plane took it. */
  readonly receivedAtMs: number;
  /** What kind of row: the `kind` of its JSON too. */
  readonly kind: 'access' | 'audit' | 'signal';
  readonly severity: Severity;
  /** What is important, the same names in every format. */
  readonly fields: readonly Field[];
  /** W3C trace context; null: none. */
  readonly traceparent: string | null;
  /** All of it, as JSON. */
  readonly value: Readonly<Record<string, unknown>>;
}

/** One kind of rows that are followed by their ids. */
export interface RowSource {
  readonly what: What;
  /** How many rows ids are apart; null: their difference. So many are counted at the most. */
  readonly between: ((db: Executor, afterId: number, upToId: number) => Promise<number>) | null;
  /** The newest row before which nothing can appear any more; 0: there is none. */
  newest(db: Executor): Promise<number>;
  /** Rows after an id and up to another, oldest first; fewer than the limit where they are large. */
  after(db: Executor, afterId: number, upToId: number, limit: number): Promise<ExportRow[]>;
}
