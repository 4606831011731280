import type { BlockKind, StateOp } from '@sallyport/shared/state/model';
import type { ChangedSubjects } from '../current.ts';

/** Collects whose facts a revision changes, so that only their exchanges are decided again. */
export interface SubjectSets {
  everyone: boolean;
  readonly sessions: Set<string>;
  readonly users: Set<string>;
  readonly devices: Set<string>;
  readonly certificates: Set<string>;
}

/** Of more subjects than this everybody is decided again: that costs less than looking each up. */
const subjectsMax = 20_000;

export function createSubjectSets(): SubjectSets {
  return {
    everyone: false,
    sessions: new Set(),
    users: new Set(),
    devices: new Set(),
    certificates: new Set(),
  };
}

/** The collected subjects; null: anyone. */
export function changedSubjects(sets: SubjectSets): ChangedSubjects | null {
  return sets.everyone ? null : sets;
}

/** The subjects whose facts the ops of a row lane change; null: anyone's. */
export function subjectsOf(ops: readonly StateOp[]): ChangedSubjects | null {
  const sets = createSubjectSets();
  for (const op of ops) mark(sets, op);
  return changedSubjects(sets);
}

/** Adds to what was collected; `more` null: anyone. */
export function addSubjects(sets: SubjectSets, more: ChangedSubjects | null): void {
  if (more === null) sets.everyone = true;
  if (more === null || sets.everyone) return;
  for (const kind of kinds) for (const id of more[kind]) sets[kind].add(id);
  const subjects = kinds.reduce((sum, kind) => sum + sets[kind].size, 0);
  if (subjects > subjectsMax) sets.everyone = true;
}

/** Both together; null stands for anyone and stays. */
export function mergeSubjects(
  first: ChangedSubjects | null,
  second: ChangedSubjects | null,
): ChangedSubjects | null {
  const sets = createSubjectSets();
  addSubjects(sets, first);
  addSubjects(sets, second);
  return changedSubjects(sets);
}

const kinds = ['sessions', 'users', 'devices', 'certificates'] as const;

function mark(sets: SubjectSets, op: StateOp): void {
  switch (op.op) {
    case 'generation':
      if (op.scope === 'global') sets.everyone = true;
      else sets[op.scope === 'user' ? 'users' : 'devices'].add(op.subjectId);
      return;
    case 'ended_session':
      sets.sessions.add(op.sid);
      return;
    case 'block':
      return markBlocked(sets, op.kind, op.subjectId);
    case 'lifted_block':
    case 'forgotten_session':
      // Both can only let more through, so no open exchange has to be decided again.
      return;
    case 'signal':
    case 'deleted_signal':
      sets[`${op.subject}s`].add(op.subjectId);
      return;
    case 'user':
    case 'deleted_user':
      sets.users.add(op.id);
      return;
    case 'device':
    case 'deleted_device':
      sets.devices.add(op.id);
      return;
    case 'device_certificate':
    case 'deleted_device_certificate':
      sets.certificates.add(op.sha256);
      return;
    default:
      // Configuration is judged by what it makes live.
      return;
  }
}

function markBlocked(sets: SubjectSets, kind: BlockKind, subjectId: string): void {
  switch (kind) {
    case 'everyone':
      sets.everyone = true;
      return;
    case 'user':
      sets.users.add(subjectId);
      return;
    case 'device':
      sets.devices.add(subjectId);
      return;
    case 'certificate':
      sets.certificates.add(subjectId);
      return;
    case 'edge':
      // It may be this one, and then nothing that is open here may go on.
      sets.everyone = true;
      return;
    case 'service':
      // Which devices stand for it is said by the configuration, and nothing here knows that.
      sets.everyone = true;
      return;
  }
}
