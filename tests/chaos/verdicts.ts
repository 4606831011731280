import type { Position } from '../support/admin.ts';
import type { Answered } from '../support/oracle.ts';

/**
 * What must hold whatever fails, as functions of what was seen. Each gives one sentence for each
 * time that it did not hold.
 */

/** An edge enforces the end of a session, at the latest since `atMs` (performance.now()). */
export interface Enforced {
  readonly sid: string;
  readonly edge: number;
  readonly atMs: number;
}

/** No edge permits a session in a request that was sent after that edge had confirmed its end. */
export function permitsAfterEnforced(
  answers: readonly Answered[],
  enforced: readonly Enforced[],
): string[] {
  const sinceMs = new Map(enforced.map(({ sid, edge, atMs }) => [`${edge} ${sid}`, atMs]));
  return answers.flatMap(({ edge, sid, sentAtMs, status }) => {
    const since = sinceMs.get(`${edge} ${sid}`);
    if (status !== 200 || since === undefined || sentAtMs <= since) return [];
    const lateMs = (sentAtMs - since).toFixed(0);
    return [`edge-${edge + 1} permitted ${sid} ${lateMs} ms after it had confirmed the end`];
  });
}

/** What the control plane confirmed is in its record afterwards. */
export function lostRevocations(
  confirmed: readonly string[],
  recorded: ReadonlySet<string>,
): string[] {
  return confirmed
    .filter((id) => !recorded.has(id))
    .map((id) => `revocation ${id} was confirmed and is gone`);
}

/** One look at the lanes of one edge. */
export interface LanesSeen {
  readonly edge: number;
  readonly lanes: ReadonlyMap<string, Position>;
}

/** No lane of an edge goes back, not even when the edge is killed and started again. */
export function lanesThatWentBack(seen: readonly LanesSeen[]): string[] {
  const last = new Map<string, Position>();
  return seen.flatMap(({ edge, lanes }) =>
    [...lanes].flatMap(([lane, now]) => {
      const key = `${edge} ${lane}`;
      const before = last.get(key);
      last.set(key, now);
      const back =
        before !== undefined &&
        (now.epoch < before.epoch || (now.epoch === before.epoch && now.rev < before.rev));
      if (!back) return [];
      const from = `${before.epoch}/${before.rev}`;
      return [`edge-${edge + 1} went back in ${lane} from ${from} to ${now.epoch}/${now.rev}`];
    }),
  );
}
