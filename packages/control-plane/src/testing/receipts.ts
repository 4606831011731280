import type { EdgeReceipt, EdgeStatus, Receipts } from '../ports.ts';

interface Wait {
  readonly lane: string;
  readonly rev: number;
  readonly timeoutMs: number;
  /** Absent: nobody besides. */
  readonly also?: readonly string[];
}

/** Receipts of edges that a test describes instead of running. */
export interface DescribedReceipts extends Receipts {
  describe(receipts: readonly EdgeReceipt[], statuses?: readonly EdgeStatus[]): void;
  /** What was waited for. */
  readonly waits: Wait[];
}

export function describedReceipts(): DescribedReceipts {
  let current: readonly EdgeReceipt[] = [];
  let statuses: readonly EdgeStatus[] = [];
  const waits: Wait[] = [];
  return {
    waits,
    describe(receipts, edges = []) {
      current = receipts;
      statuses = edges;
    },
    async waitEnforced(lane, { rev }, timeoutMs, also = []) {
      waits.push({ lane, rev, timeoutMs, ...(also.length > 0 && { also }) });
      return current;
    },
    edgesStatus: () => statuses,
    edgeStatus: (id) => statuses.find(({ edgeId }) => edgeId === id) ?? null,
    heads: () => new Map(),
    lag: () => ({ revisions: null, ms: null }),
  };
}
