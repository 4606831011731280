import { type CompiledPolicySet, decide } from '@sallyport/policy';
import type { Executor } from '../store/database.ts';
import {
  type RecordedRequest,
  type RecordWindow,
  recordedRequests,
} from '../store/recorded-requests.ts';
import { Differences, sideOf } from './differences.ts';
import { takeTurns } from './turns.ts';

export interface ReplayOptions {
  readonly live: CompiledPolicySet;
  readonly candidate: CompiledPolicySet;
  readonly window: RecordWindow;
  /** Records to read at the most, the newest. */
  readonly limit: number;
  /** As by performance.now(): then it stops with what it has. */
  readonly stopAtMs: number;
}

/** Why there are records of the window that were not read. */
export type Stopped = 'limit' | 'time';

export interface Replay {
  readonly read: number;
  /** Those on which something was decided then, and is decided again here. */
  readonly decided: number;
  /** Their facts cannot be decided on. */
  readonly failed: number;
  readonly stopped: Stopped | null;
  readonly differences: Differences;
}

/**
 * Decides recorded requests by two versions and compares. Other work goes on after each page, and
 * memory and time have a bound, whatever was recorded.
 */
export async function replay(db: Executor, options: ReplayOptions): Promise<Replay> {
  const { live, candidate, window, limit, stopAtMs } = options;
  const differences = new Differences();
  const counts = { read: 0, decided: 0, failed: 0 };
  const take = ({ correlationId, facts }: RecordedRequest): void => {
    counts.read += 1;
    if (facts === null) return;
    try {
      const sides = [sideOf(decide(live, facts)), sideOf(decide(candidate, facts))] as const;
      counts.decided += 1;
      differences.add({ correlationId, facts, live: sides[0], candidate: sides[1] });
    } catch {
      // What an edge wrote down is not ours to trust; the rest is still worth an answer.
      counts.failed += 1;
    }
  };
  const turn = takeTurns();
  for await (const page of recordedRequests(db, window)) {
    for (const request of page) {
      if (counts.read >= limit) return { ...counts, stopped: 'limit', differences };
      if (performance.now() > stopAtMs) return { ...counts, stopped: 'time', differences };
      take(request);
      await turn();
    }
  }
  return { ...counts, stopped: null, differences };
}
