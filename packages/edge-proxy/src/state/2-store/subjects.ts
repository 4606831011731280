import type { ChangedSubjects } from '../current.ts';

/** Collects whose facts a frame changes, so that only their exchanges are decided again. */
export interface SubjectSets {
  everyone: boolean;
  readonly sessions: Set<string>;
  readonly users: Set<string>;
  readonly devices: Set<string>;
  readonly certificates: Set<string>;
}

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

/** Both together; null stands for anyone and stays. */
export function mergeSubjects(
  first: ChangedSubjects | null,
  second: ChangedSubjects | null,
): ChangedSubjects | null {
  if (first === null || second === null) return null;
  return {
    sessions: union(first.sessions, second.sessions),
    users: union(first.users, second.users),
    devices: union(first.devices, second.devices),
    certificates: union(first.certificates, second.certificates),
  };
}

function union<T>(first: ReadonlySet<T>, second: ReadonlySet<T>): ReadonlySet<T> {
  return new Set([...first, ...second]);
}
