import {
  type FindingRow,
  findFindingView,
  lockFinding,
  markDismissed,
  openFindings,
  unmarkDismissed,
} from '../store/findings.ts';
import { lockHistories } from '../store/histories.ts';
import { deleteSignal, putSignal } from '../store/signals.ts';
import type { WriteTx } from '../store/write.ts';
import { renewPlace } from './last-places.ts';
import { openMax, signalOf, weighsMore } from './raise-findings.ts';
import type { SignalSettings } from './settings.ts';

/**
 * Takes a finding back because a person says that it is none: its signal leaves the lane, or says
 * what else is open, and the same is not raised again for as long as the settings say. Dismissing
 * it twice changes nothing the second time, and where there is none nothing happens.
 */
export async function dismiss(
  tx: WriteTx,
  settings: SignalSettings,
  id: string,
  given: { readonly by: string; readonly why: string },
): Promise<void> {
  const row = await holdFinding(tx, id);
  if (row === null || row.dismissedAtMs !== null) return tx.unchanged();
  const { dismissalsLastMs } = await settings.live(tx.db);
  const silentUntilMs = tx.nowMs + dismissalsLastMs;
  await markDismissed(tx.db, row, { ...given, silentUntilMs }, tx.nowMs);
  await tellLane(tx, row);
  await renewPlace(tx, row.userId);
  tx.describe(id, { ...aboutOf(row), reason: given.why });
}

/** Takes a dismissal back: the finding is a signal again, if it still counts. Twice is as once. */
export async function undismiss(tx: WriteTx, id: string): Promise<void> {
  const row = await holdFinding(tx, id);
  if (row === null || row.dismissedAtMs === null) return tx.unchanged();
  await unmarkDismissed(tx.db, row);
  await tellLane(tx, row);
  await renewPlace(tx, row.userId);
  tx.describe(id, aboutOf(row));
}

/** The finding, locked; first its user's history, as who looks at the user's events does. */
async function holdFinding(tx: WriteTx, id: string): Promise<FindingRow | null> {
  const found = await findFindingView(tx.db, id);
  if (found === null) return null;
  await lockHistories(tx.db, [found.finding.userId], tx.nowMs);
  return lockFinding(tx.db, id);
}

/** The lane has one row of a detector and subject: of what is open of them the heaviest, the newest first. */
async function tellLane(tx: WriteTx, row: FindingRow): Promise<void> {
  const open = await openFindings(tx.db, row, tx.nowMs, openMax);
  const [first, ...others] = open.map((one) => signalOf(one, one));
  if (first !== undefined) {
    const heaviest = others.reduce((a, b) => (weighsMore(b, a, tx.nowMs) ? b : a), first);
    tx.emit('signals', await putSignal(tx.db, heaviest));
    return;
  }
  const { detector: name, subject, subjectId } = row;
  const op = await deleteSignal(tx.db, { subject, subjectId, name });
  if (op !== null) tx.emit('signals', op);
}

function aboutOf({ detector, subject, subjectId, userId, matter }: FindingRow) {
  return { detector, subject, subjectId, user: userId, matter };
}
