import { SallyportError } from '@sallyport/shared/errors';
import { isTooFar, tooFar } from '../../releases/blast-radius.ts';
import { moveLane } from '../../releases/lane.ts';
import { edgesByRing, isConnected, refusalOf } from '../../releases/ring-edges.ts';
import { beginRollout } from '../../releases/rollouts.ts';
import { type ReleaseSettings, releaseSettings } from '../../releases/settings.ts';
import {
  findBundle,
  findVersionSummary,
  markVersion,
  readDocumentsOf,
  readLiveDocuments,
  type VersionSummary,
} from '../../store/configuration.ts';
import type { Executor } from '../../store/database.ts';
import type { RolloutRow } from '../../store/rollouts.ts';
import type { WriteTx } from '../../store/write.ts';
import { weakensGuards } from '../configuration/guards.ts';
import { effectOf, type Prepared } from '../configuration/measure.ts';
import { refuseDuringRollout } from '../configuration/publish.ts';
import { requireCurrent } from '../configuration/review.ts';
import { conflict, contradiction, notFound } from '../http/problems.ts';

export interface Start {
  readonly version: number;
  readonly confirm: boolean;
  /** For people. */
  readonly startedBy: string;
}

/** Begins to roll a candidate out, if it may go out at all. */
export async function startRollout(
  tx: WriteTx,
  { version, confirm, startedBy }: Start,
  prepared: Prepared | null,
): Promise<RolloutRow> {
  return moveLane(tx, async () => {
    const row = await findVersionSummary(tx.db, version);
    if (row === null) throw notFound();
    if (row.state !== 'candidate') {
      throw conflict(`version ${version} is ${row.state.replace('_', ' ')}, no candidate`);
    }
    if (row.base === null) {
      throw contradiction('/version', 'nothing is live yet that it could go back to; apply it');
    }
    await refuseDuringRollout(tx.db);
    await requireCurrent(tx.db, row, tx.nowMs);
    const live = await readLiveDocuments(tx.db);
    const settings = releaseSettings(live);
    const weakens = weakensGuards(live, await readDocumentsOf(tx.db, version));
    await requireAllowed(tx.db, row, settings, prepared, { confirm, weakens });
    await requireWilling(tx.db, settings, tx.nowMs);
    const rollout = await beginRollout(tx, { version, base: row.base, settings, startedBy });
    tx.describe(rollout.id, { version, ring: rollout.rings[0]?.name });
    return rollout;
  });
}

/** What a person alone may not send out waits for the word of another. */
async function requireAllowed(
  db: Executor,
  row: VersionSummary,
  { approvalRequired, blastRadius }: ReleaseSettings,
  prepared: Prepared | null,
  { confirm, weakens }: { readonly confirm: boolean; readonly weakens: boolean },
): Promise<void> {
  const { version, base, review } = row;
  let far = false;
  if (blastRadius.limit !== null) {
    const affected = effectOf(prepared, base, (await findBundle(db, version)) ?? new Uint8Array());
    far = isTooFar(affected);
    if (far && !confirm) throw tooFar(affected);
    await markVersion(db, version, { affected });
  }
  if (!(far || weakens || approvalRequired) || review?.verdict === 'approved') return;
  const detail = `another person than ${row.author} has to approve version ${version} first`;
  throw new SallyportError('approval_required', detail);
}

/** An edge that refuses what it has cannot be told from one that refuses this version. */
async function requireWilling(db: Executor, { rings }: ReleaseSettings, nowMs: number) {
  for (const edges of (await edgesByRing(db, rings, nowMs)).values()) {
    const refusing = edges.find((edge) => isConnected(edge) && refusalOf(edge) !== null);
    if (refusing === undefined) continue;
    const { code = '' } = refusalOf(refusing) ?? {};
    throw conflict(`edge ${refusing.id} refuses the configuration that is there (${code})`);
  }
}
