import type { RecordLines } from '../../worker/messages.ts';
import type { Queueable } from './record-queue.ts';

export type QueuedLines = RecordLines & Queueable;

/** Lines from a worker as a queue takes them. */
export function queued(lines: RecordLines): QueuedLines {
  return { ...lines, bytes: lines.lines.length };
}
