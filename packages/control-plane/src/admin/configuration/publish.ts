import { longestDenyMs } from '@sallyport/policy';
import { sha256 } from '@sallyport/shared/configuration/bundle';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { isTooFar, tooFar } from '../../releases/blast-radius.ts';
import { moveLane } from '../../releases/lane.ts';
import { releaseSettings } from '../../releases/settings.ts';
import { insertVersion, newestVersion } from '../../store/configuration.ts';
import type { Executor } from '../../store/database.ts';
import { putReleaseEverywhere } from '../../store/releases.ts';
import { findActiveRollout } from '../../store/rollouts.ts';
import type { ApprovalReason, MeasuredEffect, VersionState } from '../../store/schema/index.ts';
import type { WriteTx } from '../../store/write.ts';
import { conflict } from '../http/problems.ts';
import { type CheckedSet, checkChange } from './check.ts';
import { weakensGuards } from './guards.ts';
import { effectOf, type Prepared } from './measure.ts';
import type { SetChange } from './next-set.ts';

/** Who makes or judges a version. */
export interface Author {
  readonly id: string;
  readonly label: string;
}

export interface NewVersion {
  readonly change: SetChange;
  readonly author: Author;
  readonly message: string;
  /** `candidate`: into the lane, without effect. */
  readonly mode: 'release' | 'candidate';
  /** That users may lose access; another person has to approve it then. */
  readonly confirm: boolean;
  /** The older version that this one is equal to. */
  readonly restores: number | null;
  /** It goes back to what was live just before, and asks for no less: nobody has to approve that. */
  readonly unconditional: boolean;
}

export interface Published {
  readonly version: number;
  readonly state: VersionState;
  readonly changes: CheckedSet['changes'];
  readonly needsApproval: readonly ApprovalReason[];
  readonly affected: MeasuredEffect | null;
}

/**
 * Makes the next version of the configuration and releases it to every edge, unless it is to be a
 * candidate or another person has to approve it. Where nothing changes there is no new version.
 */
export async function publish(
  tx: WriteTx,
  wanted: NewVersion,
  prepared: Prepared | null,
): Promise<Published> {
  return moveLane(tx, () => makeVersion(tx, wanted, prepared));
}

/** The same as part of a larger move. */
export async function makeVersion(
  tx: WriteTx,
  wanted: NewVersion,
  prepared: Prepared | null,
): Promise<Published> {
  const { change, author, message, mode, restores } = wanted;
  const checked = await checkChange(tx.db, change, tx.nowMs, prepared?.bundle);
  const { live, changes, bundle } = checked;
  if (changes.length === 0) return nothingNew(tx, live ?? 0);
  if (mode === 'release') await refuseDuringRollout(tx.db);
  const affected = mode === 'release' ? effectFor(wanted, checked, prepared) : null;
  const needsApproval = mode === 'release' ? approvalsFor(wanted, checked, affected) : [];
  const state = stateOf(mode, needsApproval);
  const version = (await newestVersion(tx.db)) + 1;
  await insertVersion(tx.db, {
    version,
    base: live,
    restores,
    author: author.label,
    authorId: author.id,
    message,
    changes,
    bundle,
    bundleSha256: sha256(bundle),
    createdAtMs: tx.nowMs,
    closesAfterMs: closesAfterMs(checked.documents),
    state,
    stateReason: null,
    needsApproval,
    affected,
    review: null,
  });
  if (state === 'released') await putReleaseEverywhere(tx.db, version, tx.nowMs);
  tx.describe(String(version), { message, state, restores, changes: changes.slice(0, 100) });
  return { version, state, changes, needsApproval, affected };
}

/** null: some route never closes, however old the state is. */
function closesAfterMs(documents: readonly ConfigurationDocument[]): number | null {
  const saidBy = (kind: 'Settings' | 'Route') =>
    documents.flatMap((document) => (document.kind === kind ? [document.spec.staleness] : []));
  const longest = longestDenyMs('revoke', saidBy('Settings'), saidBy('Route'));
  return Number.isFinite(longest) ? longest : null;
}

/** Nothing may take the ground from under a rollout: it goes back to what is live now. */
export async function refuseDuringRollout(db: Executor): Promise<void> {
  const rollout = await findActiveRollout(db);
  if (rollout === null) return;
  throw conflict(
    `version ${rollout.version} is being rolled out (${rollout.id}); ` +
      'let it end, abort it, or roll back',
  );
}

function nothingNew(tx: WriteTx, version: number): Published {
  tx.describe(String(version), { changes: [] });
  return { version, state: 'released', changes: [], needsApproval: [], affected: null };
}

/** null: it does not matter who loses access. */
function effectFor(
  { unconditional }: NewVersion,
  { live, liveDocuments, bundle }: CheckedSet,
  prepared: Prepared | null,
): MeasuredEffect | null {
  const { limit } = releaseSettings(liveDocuments).blastRadius;
  return unconditional || limit === null ? null : effectOf(prepared, live, bundle);
}

function approvalsFor(
  { unconditional, confirm }: NewVersion,
  checked: CheckedSet,
  affected: MeasuredEffect | null,
): readonly ApprovalReason[] {
  if (unconditional) return [];
  const reasons = approvalReasons(checked, affected);
  if (affected !== null && reasons.includes('blast_radius') && !confirm) throw tooFar(affected);
  return reasons;
}

/** Why another person would have to approve the release of this set. */
export function approvalReasons(
  { live, liveDocuments, documents }: Pick<CheckedSet, 'live' | 'liveDocuments' | 'documents'>,
  affected: MeasuredEffect | null,
): ApprovalReason[] {
  const reasons: ApprovalReason[] = [];
  if (live === null) return reasons;
  if (releaseSettings(liveDocuments).approvalRequired) reasons.push('setting');
  if (affected !== null && isTooFar(affected)) reasons.push('blast_radius');
  if (weakensGuards(liveDocuments, documents)) reasons.push('guards');
  return reasons;
}

/** What becomes of a new version at first. */
export function stateOf(
  mode: NewVersion['mode'],
  needsApproval: readonly ApprovalReason[],
): VersionState {
  if (mode === 'candidate') return 'candidate';
  return needsApproval.length > 0 ? 'proposed' : 'released';
}
