import type { RevokeOp } from '@sallyport/shared/state/model';
import { describe, expect, it } from 'vitest';
import { applyRevokeOp, createRevokeTable, isBlocked, sweepRevokeTable } from './revoke-table.ts';
import { changedSubjects, createSubjectSets } from './subjects.ts';

function tableOf(...ops: RevokeOp[]) {
  const table = createRevokeTable();
  const changed = createSubjectSets();
  for (const op of ops) applyRevokeOp(table, op, changed);
  return { table, changed };
}

const block = (revocationId: string, subjectId: string, expiresAtMs: number | null = null) =>
  ({ op: 'block', revocationId, kind: 'user', subjectId, expiresAtMs }) as const;

describe('the revocations of a worker', () => {
  it('only ever raise a generation', () => {
    const raise = (value: number) =>
      ({ op: 'generation', scope: 'user', subjectId: 'usr_a', value }) as const;
    const { table } = tableOf(raise(3), raise(2));
    expect(table.userGenerations.get('usr_a')).toBe(3);
  });

  it('hold a subject blocked until its last block is lifted', () => {
    const { table, changed } = tableOf(block('rev_1', 'usr_a'), block('rev_2', 'usr_a'));
    applyRevokeOp(table, { op: 'lifted_block', revocationId: 'rev_1' }, changed);
    expect(isBlocked(table, 'user', 'usr_a', 0)).toBe(true);
    applyRevokeOp(table, { op: 'lifted_block', revocationId: 'rev_2' }, changed);
    expect(isBlocked(table, 'user', 'usr_a', 0)).toBe(false);
    expect(table.blocks.size).toBe(0);
  });

  it('let a block end by itself at its instant', () => {
    const { table } = tableOf(block('rev_1', 'usr_a', 1_000));
    expect(isBlocked(table, 'user', 'usr_a', 999)).toBe(true);
    expect(isBlocked(table, 'user', 'usr_a', 1_000)).toBe(false);
  });

  it('keep kinds apart that share an id', () => {
    const { table } = tableOf(block('rev_1', 'same'));
    expect(isBlocked(table, 'device', 'same', 0)).toBe(false);
  });

  it('name whose facts have changed, and everyone for a lockdown or the global generation', () => {
    const { changed } = tableOf(
      { op: 'ended_session', sid: 'ses_1', expiresAtMs: 5 },
      block('rev_1', 'usr_a'),
    );
    expect(changedSubjects(changed)).toMatchObject({
      sessions: new Set(['ses_1']),
      users: new Set(['usr_a']),
    });
    const lockdown = { ...block('rev_2', ''), kind: 'everyone' } as const;
    expect(changedSubjects(tableOf(lockdown).changed)).toBeNull();
    const global = { op: 'generation', scope: 'global', subjectId: '', value: 1 } as const;
    expect(changedSubjects(tableOf(global).changed)).toBeNull();
  });

  it('forget ended sessions whose statements have expired, a bounded number at a time', () => {
    const ended = Array.from({ length: 10 }, (_, index) => ({
      op: 'ended_session' as const,
      sid: `ses_${index}`,
      expiresAtMs: index < 5 ? 100 : 1_000,
    }));
    const { table } = tableOf(...ended, block('rev_1', 'usr_a', 100));
    sweepRevokeTable(table, 500, 3);
    expect(table.endedSessions.size).toBe(7);
    for (let round = 0; round < 4; round += 1) sweepRevokeTable(table, 500, 3);
    expect([...table.endedSessions.keys()]).toEqual(['ses_5', 'ses_6', 'ses_7', 'ses_8', 'ses_9']);
    expect(table.blockSubjects.size).toBe(0);
  });
});
