import type { DroppedRecords } from './messages.ts';

export const nothingDropped: DroppedRecords = { permits: 0, denials: 0 };

export function addDropped(a: DroppedRecords, b: DroppedRecords): DroppedRecords {
  return { permits: a.permits + b.permits, denials: a.denials + b.denials };
}

/** Records of one class as a count by class. */
export function droppedOf(records: number, denial: boolean): DroppedRecords {
  return denial ? { permits: 0, denials: records } : { permits: records, denials: 0 };
}
