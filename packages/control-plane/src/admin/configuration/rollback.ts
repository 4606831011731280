import { moveLane } from '../../releases/lane.ts';
import { rollBack } from '../../releases/rollouts.ts';
import { findActiveRollout, type RolloutRow } from '../../store/rollouts.ts';
import type { WriteTx } from '../../store/write.ts';
import { conflict } from '../http/problems.ts';
import type { Prepared } from './measure.ts';
import { type Author, makeVersion, type Published } from './publish.ts';
import { readReturn } from './read-return.ts';

export interface Return {
  readonly toVersion: number;
  readonly author: Author;
  readonly message: string;
  readonly confirm: boolean;
}

/**
 * Goes back: a new version that is equal to an older one, to every edge at once. A rollout under way
 * ends. What was live just before needs nobody's approval, because it is the way out of a bad
 * version; what is older, or asks for less before the next version, counts as a change like any
 * other.
 */
export async function goBack(
  tx: WriteTx,
  { toVersion, author, message, confirm }: Return,
  prepared: Prepared | null,
): Promise<Published> {
  return moveLane(tx, async () => {
    const rollout = await findActiveRollout(tx.db);
    if (rollout !== null) {
      await rollBack(tx, rollout, `${author.label} rolled back to version ${toVersion}`);
    }
    const back = await readReturn(tx.db, toVersion);
    if (rollout !== null && !back.unconditional) requireMeasured(rollout, prepared);
    const wanted = {
      ...back,
      author,
      message: message === '' ? `back to version ${toVersion}` : message,
      mode: 'release',
      confirm,
      restores: toVersion,
    } as const;
    return makeVersion(tx, wanted, prepared);
  });
}

/**
 * A version that has reached its last ring is live. Who would lose access was measured against it
 * then, and not against what is live once it is taken back; trying again would not change that.
 */
function requireMeasured({ id, version }: RolloutRow, prepared: Prepared | null): void {
  if (prepared?.live !== version || prepared.affected === null) return;
  throw conflict(`version ${version} has come to every edge: abort its rollout (${id}) first`);
}
