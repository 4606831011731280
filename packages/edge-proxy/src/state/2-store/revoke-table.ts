import type { BlockKind, GenerationScope, RevokeOp } from '@sallyport/shared/state/model';
import type { SubjectSets } from './subjects.ts';

/** Rows of the `revoke` lane: generations, ended sessions and blocks. */
export interface RevokeTable {
  globalGeneration: number;
  readonly userGenerations: Map<string, number>;
  readonly deviceGenerations: Map<string, number>;
  /** sid -> instant from which the row may be forgotten. */
  readonly endedSessions: Map<string, number>;
  /** Subject -> revocation id -> end of the block (null: until lifted). */
  readonly blocks: Map<string, Map<string, number | null>>;
  /** Revocation id -> subject, for lifting. */
  readonly blockSubjects: Map<string, string>;
  /** Where the sweep of ended sessions goes on. */
  sweepCursor: MapIterator<[string, number]> | null;
}

export function createRevokeTable(): RevokeTable {
  return {
    globalGeneration: 0,
    userGenerations: new Map(),
    deviceGenerations: new Map(),
    endedSessions: new Map(),
    blocks: new Map(),
    blockSubjects: new Map(),
    sweepCursor: null,
  };
}

/** Applies one op; the subjects whose facts it changes are added to `changed`. */
export function applyRevokeOp(table: RevokeTable, op: RevokeOp, changed: SubjectSets): void {
  switch (op.op) {
    case 'generation':
      return raiseGeneration(table, op.scope, op.subjectId, op.value, changed);
    case 'ended_session':
      table.endedSessions.set(op.sid, op.expiresAtMs);
      changed.sessions.add(op.sid);
      return;
    case 'block':
      liftBlock(table, op.revocationId);
      addBlock(table, op.revocationId, subjectKey(op.kind, op.subjectId), op.expiresAtMs);
      markBlocked(changed, op.kind, op.subjectId);
      return;
    case 'lifted_block':
      // Lifting can only let more through, so no open exchange has to be decided again.
      liftBlock(table, op.revocationId);
      return;
  }
}

/** Whether any block of the subject is in force at `nowMs`. */
export function isBlocked(
  table: RevokeTable,
  kind: BlockKind,
  subjectId: string,
  nowMs: number,
): boolean {
  const blocks = table.blocks.get(subjectKey(kind, subjectId));
  if (blocks === undefined) return false;
  for (const expiresAtMs of blocks.values()) {
    if (expiresAtMs === null || expiresAtMs > nowMs) return true;
  }
  return false;
}

/**
 * Looks at the next `limit` ended sessions, round and round, and forgets those whose statements
 * have expired anyway. Bounded, so that a sweep of a million rows never stalls a worker. Expired
 * blocks are few and swept at the end of each round.
 */
export function sweepRevokeTable(table: RevokeTable, nowMs: number, limit: number): void {
  table.sweepCursor ??= table.endedSessions.entries();
  for (let looked = 0; looked < limit; looked += 1) {
    const next = table.sweepCursor.next();
    if (next.done === true) {
      table.sweepCursor = null;
      sweepBlocks(table, nowMs);
      return;
    }
    const [sid, expiresAtMs] = next.value;
    if (expiresAtMs <= nowMs) table.endedSessions.delete(sid);
  }
}

/** A generation only rises: a lower value is an older fact and changes nothing. */
function raiseGeneration(
  table: RevokeTable,
  scope: GenerationScope,
  subjectId: string,
  value: number,
  changed: SubjectSets,
): void {
  switch (scope) {
    case 'global':
      if (value <= table.globalGeneration) return;
      table.globalGeneration = value;
      changed.everyone = true;
      return;
    case 'user':
      if (raise(table.userGenerations, subjectId, value)) changed.users.add(subjectId);
      return;
    case 'device':
      if (raise(table.deviceGenerations, subjectId, value)) changed.devices.add(subjectId);
      return;
  }
}

function raise(generations: Map<string, number>, subjectId: string, value: number): boolean {
  if (value <= (generations.get(subjectId) ?? 0)) return false;
  generations.set(subjectId, value);
  return true;
}

function addBlock(
  table: RevokeTable,
  revocationId: string,
  subject: string,
  expiresAtMs: number | null,
): void {
  const blocks = table.blocks.get(subject) ?? new Map<string, number | null>();
  blocks.set(revocationId, expiresAtMs);
  table.blocks.set(subject, blocks);
  table.blockSubjects.set(revocationId, subject);
}

function liftBlock(table: RevokeTable, revocationId: string): void {
  const subject = table.blockSubjects.get(revocationId);
  if (subject === undefined) return;
  table.blockSubjects.delete(revocationId);
  const blocks = table.blocks.get(subject);
  blocks?.delete(revocationId);
  if (blocks?.size === 0) table.blocks.delete(subject);
}

function sweepBlocks(table: RevokeTable, nowMs: number): void {
  for (const blocks of table.blocks.values()) {
    for (const [revocationId, expiresAtMs] of blocks) {
      if (expiresAtMs !== null && expiresAtMs <= nowMs) liftBlock(table, revocationId);
    }
  }
}

function markBlocked(changed: SubjectSets, kind: BlockKind, subjectId: string): void {
  switch (kind) {
    case 'everyone':
      changed.everyone = true;
      return;
    case 'user':
      changed.users.add(subjectId);
      return;
    case 'device':
      changed.devices.add(subjectId);
      return;
    case 'certificate':
      changed.certificates.add(subjectId);
      return;
    case 'edge':
      // It may be this one, and then nothing that is open here may go on.
      changed.everyone = true;
      return;
    case 'service':
      return;
  }
}

function subjectKey(kind: BlockKind, subjectId: string): string {
  return `${kind}:${subjectId}`;
}
