import type { EdgeReceipt, EdgeStatus, Receipts } from '../ports.ts';

/** Receipts of edges that a test describes instead of running. */
export interface DescribedReceipts extends Receipts {
  describe(receipts: readonly EdgeReceipt[], statuses?: readonly EdgeStatus[]): void;
  /** What was waited for. */
  readonly waits: { readonly lane: string; readonly rev: number; readonly timeoutMs: number }[];
}

export function describedReceipts(): DescribedReceipts {
  let current: readonly EdgeReceipt[] = [];
  let statuses: readonly EdgeStatus[] = [];
  const waits: { lane: string; rev: number; timeoutMs: number }[] = [];
  return {
    waits,
    describe(receipts, edges = []) {
      current = receipts;
      statuses = edges;
    },
    async waitEnforced(lane, { rev }, timeoutMs) {
      waits.push({ lane, rev, timeoutMs });
      return current;
    },
    edgesStatus: () => statuses,
    edgeStatus: (id) => statuses.find(({ edgeId }) => edgeId === id) ?? null,
    heads: () => new Map(),
    lag: () => ({ revisions: null, ms: null }),
  };
}
