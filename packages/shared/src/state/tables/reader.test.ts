import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newId } from '../../ids.ts';
import type { Block, RevokeOp, SignalSubject, User } from '../model.ts';
import { counterAt, type LayoutChange } from './lane.ts';
import { createLaneTable, type LaneTable, type RowOp } from './lane-table.ts';
import { StateBusyError, StateReader } from './reader.ts';
import { opOf } from './testing/arbitraries.ts';
import { allOps } from './testing/copies.ts';
import { nameOf } from './testing/plain-model.ts';

interface World {
  readonly revoke: LaneTable;
  readonly carried: LaneTable;
  readonly signals: LaneTable;
  readonly directory: LaneTable;
  readonly reader: StateReader;
}

/** Tables and a reader of them that hears of layouts as another thread would. */
function openWorld(): World {
  const tables = {
    revoke: createLaneTable('revoke'),
    carried: createLaneTable('revoke'),
    signals: createLaneTable('signals'),
    directory: createLaneTable('directory'),
  };
  const layouts: LayoutChange[] = [];
  for (const table of Object.values(tables)) table.onLayout((change) => layouts.push(change));
  const lanes = {
    revoke: tables.revoke.shared(),
    carried: tables.carried.shared(),
    signals: tables.signals.shared(),
    directory: tables.directory.shared(),
  };
  return { ...tables, reader: new StateReader(lanes, () => layouts.shift() ?? null) };
}

const user: User = {
  op: 'user',
  id: newId('usr'),
  email: 'zoë@example.com',
  displayName: 'Zoë',
  status: 'suspended',
  groups: ['admins', 'Größe'],
  employment: { class: 'contractor', endsAtMs: 5 },
};
const block = (revocationId: string, expiresAtMs: number | null): RevokeOp => ({
  op: 'block',
  revocationId,
  kind: 'user',
  subjectId: 'usr_a',
  expiresAtMs,
});

describe('a reader', () => {
  it('gives the rows of the directory that the writer has put, and none that it has taken out', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(opOf.directory, { maxLength: 5 }), { maxLength: 8 }),
        (frames) => {
          const { directory, reader } = openWorld();
          for (const ops of frames) {
            directory.apply(ops);
            const rows = allOps(directory);
            for (const row of rows) expect(lookUp(reader, row)).toEqual(row);
            const names = new Set(rows.map(nameOf));
            for (const op of ops.filter((removal) => removal.op.startsWith('deleted_')))
              if (!names.has(nameOf(rowOf(op)))) expect(lookUp(reader, op)).toBeNull();
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('answers for the revocations as their rows say, however often they change', () => {
    const few = fc.constantFrom('usr_alice', 'dev_1', 'ses_1', '');
    const op = opOf.revoke.chain((any) => few.map((id) => renamed(any, id)));
    fc.assert(
      fc.property(fc.array(fc.array(op, { maxLength: 3 }), { maxLength: 10 }), (frames) => {
        const { revoke, reader } = openWorld();
        for (const ops of frames) {
          revoke.apply(ops);
          const rows = allOps(revoke);
          for (const id of ['usr_alice', 'dev_1', 'ses_1', '']) {
            expect(reader.isSessionEnded(id)).toBe(
              rows.some((row) => row.op === 'ended_session' && row.sid === id),
            );
            expect(reader.isBlocked('user', id, 2 ** 40)).toBe(
              rows.some((row) => row.op === 'block' && blocksUser(row, id, 2 ** 40)),
            );
            const user = rows.find(
              (row) => row.op === 'generation' && row.scope === 'user' && row.subjectId === id,
            );
            expect(reader.generations(id, null).user).toBe(
              user?.op === 'generation' ? user.value : 0,
            );
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('gives the same object until the row or one beside it changes', () => {
    const { directory, reader } = openWorld();
    directory.apply([user]);
    const first = reader.user(user.id);
    expect(first).toEqual(user);
    expect(reader.user(user.id)).toBe(first);
    directory.apply([{ ...user, status: 'active' }]);
    expect(reader.user(user.id)).toEqual({ ...user, status: 'active' });
    directory.apply([{ op: 'deleted_user', id: user.id }]);
    expect(reader.user(user.id)).toBeNull();
  });

  it('keeps users, devices and certificates apart that share an id', () => {
    const { directory, reader } = openWorld();
    directory.apply([{ ...user, id: 'same' }]);
    expect(reader.device('same')).toBeNull();
    expect(reader.deviceByCertificate('same')).toBeNull();
    expect(reader.user('same')?.id).toBe('same');
  });

  it('takes the higher generation of the lane and of what was carried over', () => {
    const { revoke, carried, reader } = openWorld();
    expect(reader.generations('usr_a', 'dev_a')).toEqual({ global: 0, user: 0, device: 0 });
    revoke.apply([
      { op: 'generation', scope: 'global', subjectId: '', value: 2 ** 40 },
      { op: 'generation', scope: 'user', subjectId: 'usr_a', value: 3 },
      { op: 'generation', scope: 'device', subjectId: 'dev_a', value: 1 },
    ]);
    carried.apply([
      { op: 'generation', scope: 'user', subjectId: 'usr_a', value: 2 },
      { op: 'generation', scope: 'device', subjectId: 'dev_a', value: 9 },
    ]);
    expect(reader.generations('usr_a', 'dev_a')).toEqual({ global: 2 ** 40, user: 3, device: 9 });
    expect(reader.generations('usr_a', null).device).toBe(0);
    expect(reader.generations('usr_b', null).user).toBe(0);
  });

  it('knows an ended session from either table until it is forgotten', () => {
    const { revoke, carried, reader } = openWorld();
    revoke.apply([{ op: 'ended_session', sid: 'ses_a', expiresAtMs: 1 }]);
    carried.apply([{ op: 'ended_session', sid: 'ses_b', expiresAtMs: 1 }]);
    expect(['ses_a', 'ses_b', 'ses_c'].map((sid) => reader.isSessionEnded(sid))).toEqual([
      true,
      true,
      false,
    ]);
    revoke.apply([{ op: 'forgotten_session', sid: 'ses_a' }]);
    expect(reader.isSessionEnded('ses_a')).toBe(false);
  });

  it('holds a subject blocked until its last block is lifted or has ended', () => {
    const { revoke, carried, reader } = openWorld();
    revoke.apply([block('rev_1', 1_000), block('rev_2', 2_000)]);
    carried.apply([block('rev_3', null)]);
    expect(reader.isBlocked('user', 'usr_a', 5_000)).toBe(true);
    carried.apply([
      { op: 'lifted_block', revocationId: 'rev_3', kind: 'user', subjectId: 'usr_a' },
    ]);
    expect(reader.isBlocked('user', 'usr_a', 1_999)).toBe(true);
    expect(reader.isBlocked('user', 'usr_a', 2_000)).toBe(false);
    revoke.apply([{ op: 'lifted_block', revocationId: 'rev_2', kind: 'user', subjectId: 'usr_a' }]);
    expect(reader.isBlocked('user', 'usr_a', 999)).toBe(true);
    expect(reader.isBlocked('user', 'usr_a', 1_000)).toBe(false);
    expect(reader.isBlocked('device', 'usr_a', 0)).toBe(false);
  });

  it('finds every one of many blocks of one subject', () => {
    const { revoke, reader } = openWorld();
    const many = Array.from({ length: 500 }, (_, i) => block(`rev_${i}`, i));
    revoke.apply(many);
    for (let i = 499; i > 0; i -= 1) {
      expect(reader.isBlocked('user', 'usr_a', i - 1)).toBe(true);
      expect(reader.isBlocked('user', 'usr_a', i)).toBe(false);
      revoke.apply([
        { op: 'lifted_block', revocationId: `rev_${i}`, kind: 'user', subjectId: 'usr_a' },
      ]);
    }
  });

  it('gives the signals of a subject that have not expired', () => {
    const { signals, reader } = openWorld();
    const signal = (name: string, expiresAtMs: number): RowOp => ({
      op: 'signal',
      subject: 'user',
      subjectId: 'usr_a',
      name,
      value: 'high',
      observedAtMs: 5,
      expiresAtMs,
    });
    signals.apply([signal('risk', 100), signal('place', 200)]);
    const names = (nowMs: number): string[] =>
      reader.signals('user', 'usr_a', nowMs).map(({ name }) => name);
    expect(names(99).toSorted()).toEqual(['place', 'risk']);
    expect(names(100)).toEqual(['place']);
    expect(reader.signals('device', 'usr_a', 0)).toEqual([]);
  });

  it('gives the same list of signals until one of them changes, and one for all that have none', () => {
    const { signals, reader } = openWorld();
    const signal = (subject: 'user' | 'device', subjectId: string, value: string): RowOp => ({
      op: 'signal',
      subject,
      subjectId,
      name: 'risk',
      value,
      observedAtMs: 5,
      expiresAtMs: 100,
    });
    expect(reader.signals('user', 'usr_a', 0)).toBe(reader.signals('session', 'ses_b', 0));
    signals.apply([signal('user', 'one', 'low'), signal('device', 'one', 'high')]);
    const [ofUser, ofDevice] = [
      reader.signals('user', 'one', 0),
      reader.signals('device', 'one', 0),
    ];
    expect([ofUser[0]?.value, ofDevice[0]?.value]).toEqual(['low', 'high']);
    expect(reader.signals('user', 'one', 99)).toBe(ofUser);
    expect(reader.signals('device', 'one', 99)).toBe(ofDevice);
    expect(reader.signals('user', 'one', 100)).toEqual([]);
    // Every shard has changed.
    signals.apply(Array.from({ length: 4_000 }, (_, at) => signal('user', `else${at}`, 'low')));
    expect(reader.signals('user', 'one', 99)).toBe(ofUser);
    signals.apply([signal('user', 'one', 'middle')]);
    expect(reader.signals('user', 'one', 0)[0]?.value).toBe('middle');
    signals.apply([{ op: 'deleted_signal', subject: 'user', subjectId: 'one', name: 'risk' }]);
    expect(reader.signals('user', 'one', 0)).toEqual([]);
    expect(reader.signals('device', 'one', 0)[0]?.value).toBe('high');
  });

  it("gives the same signals of a request's subjects while nothing of them has changed", () => {
    const { signals, reader } = openWorld();
    const signal = (subject: SignalSubject, subjectId: string, expiresAtMs = 100): RowOp => ({
      op: 'signal',
      subject,
      subjectId,
      name: 'risk',
      value: 'low',
      observedAtMs: 5,
      expiresAtMs,
    });
    const subjects = { userId: 'u', deviceId: 'd', sid: 's' };
    const empty = reader.requestSignals(null, subjects, 1);
    expect([empty.isEmpty, reader.requestSignals(empty, subjects, 2)]).toEqual([true, empty]);
    signals.apply([signal('user', 'u'), signal('session', 's', 50), signal('device', 'else')]);
    const first = reader.requestSignals(empty, subjects, 10);
    expect([first.user.length, first.device.length, first.session.length]).toEqual([1, 0, 1]);
    // Every shard has changed.
    signals.apply(Array.from({ length: 4_000 }, (_, at) => signal('user', `else${at}`)));
    expect(reader.requestSignals(first, subjects, 11)).toBe(first);
    expect(reader.requestSignals(first, subjects, 12)).toBe(first);
    for (const other of [{ userId: null }, { deviceId: 'else' }, { sid: 'else' }]) {
      expect(reader.requestSignals(first, { ...subjects, ...other }, 12)).not.toBe(first);
    }
    expect(reader.requestSignals(first, { ...subjects, deviceId: 'else' }, 12).device).toHaveLength(
      1,
    );
    const later = reader.requestSignals(first, subjects, 50);
    expect([later.user.length, later.session.length]).toEqual([1, 0]);
    expect(reader.requestSignals(later, subjects, 49).session).toHaveLength(1);
    signals.apply([signal('device', 'd')]);
    const more = reader.requestSignals(first, subjects, 13);
    expect([more.user.length, more.device.length, more.session.length]).toEqual([1, 1, 1]);
    signals.apply([{ op: 'deleted_signal', subject: 'user', subjectId: 'u', name: 'risk' }]);
    expect(reader.requestSignals(more, subjects, 14).user).toEqual([]);
    expect(
      reader.requestSignals(null, { userId: 'x'.repeat(513), deviceId: null, sid: null }, 1),
    ).toMatchObject({ isEmpty: true });
  });

  it('finds nothing for a string that no row can have', () => {
    const { reader } = openWorld();
    const long = 'x'.repeat(513);
    expect(reader.device(long)).toBeNull();
    expect(reader.isSessionEnded(long)).toBe(false);
    expect(reader.isBlocked('user', long, 0)).toBe(false);
    expect(reader.signals('user', long, 0)).toEqual([]);
    expect(reader.generations(long, long)).toEqual({ global: 0, user: 0, device: 0 });
  });

  it('makes a pass again when what it read has moved', () => {
    const { directory, reader } = openWorld();
    directory.apply([user]);
    let tries = 0;
    const seen = reader.pass(() => {
      tries += 1;
      const before = reader.user(user.id)?.status;
      if (tries < 3) directory.apply([{ ...user, status: tries === 1 ? 'active' : 'suspended' }]);
      return [before, reader.user(user.id)?.status];
    });
    expect(tries).toBe(3);
    expect(seen).toEqual(['suspended', 'suspended']);
  });

  it('does not make a pass again for a change of what it has not read', () => {
    const { directory, revoke, reader } = openWorld();
    directory.apply([user]);
    reader.user(user.id);
    let tries = 0;
    reader.pass(() => {
      tries += 1;
      reader.user(user.id);
      revoke.apply([{ op: 'ended_session', sid: newId('ses'), expiresAtMs: 1 }]);
    });
    expect(tries).toBe(1);
  });

  it('sees the first row of a table that was empty, and that the last one is gone', () => {
    const { carried, reader } = openWorld();
    for (let round = 0; round < 3; round += 1) {
      expect(reader.isBlocked('user', 'usr_a', 0)).toBe(false);
      carried.apply([block('rev_1', null), block('rev_2', null)]);
      expect(reader.isBlocked('user', 'usr_a', 0)).toBe(true);
      carried.apply([
        { op: 'lifted_block', revocationId: 'rev_1', kind: 'user', subjectId: 'usr_a' },
      ]);
      expect(reader.isBlocked('user', 'usr_a', 0)).toBe(true);
      carried.apply([
        { op: 'lifted_block', revocationId: 'rev_2', kind: 'user', subjectId: 'usr_a' },
      ]);
    }
  });

  it('makes a pass again when the first row comes to a table that it found empty', () => {
    const { carried, reader } = openWorld();
    let tries = 0;
    const seen = reader.pass(() => {
      tries += 1;
      const before = reader.isBlocked('user', 'usr_b', 0);
      if (tries === 1) carried.apply([block('rev_1', null)]);
      return [before, reader.isBlocked('user', 'usr_a', 0)];
    });
    expect(seen).toEqual([false, true]);
    expect(tries).toBeGreaterThan(1);
  });

  it('lets an error out of a pass that nothing has disturbed', () => {
    const { reader } = openWorld();
    const failing = (): never => {
      throw new RangeError('mine');
    };
    expect(() => reader.pass(failing)).toThrow(RangeError);
    expect(reader.pass(() => 1)).toBe(1);
  });

  it('gives up with StateBusyError when a shard is never finished', () => {
    const { directory, reader } = openWorld();
    directory.apply([user]);
    const control = new Int32Array(directory.shared().control);
    for (let shard = 0; shard <= 256; shard += 1) Atomics.add(control, counterAt(shard), 1);
    expect(() => reader.user(user.id)).toThrow(StateBusyError);
  });
});

/** The same op of another subject. */
function renamed(op: RowOp, id: string): RowOp {
  if ('sid' in op) return { ...op, sid: id };
  return 'subjectId' in op ? { ...op, subjectId: id } : op;
}

function blocksUser({ kind, subjectId, expiresAtMs }: Block, id: string, nowMs: number): boolean {
  return kind === 'user' && subjectId === id && (expiresAtMs === null || expiresAtMs > nowMs);
}

function lookUp(reader: StateReader, op: RowOp): RowOp | null {
  if (op.op === 'user' || op.op === 'deleted_user') return reader.user(op.id);
  if (op.op === 'device' || op.op === 'deleted_device') return reader.device(op.id);
  if (op.op === 'device_certificate' || op.op === 'deleted_device_certificate')
    return reader.deviceByCertificate(op.sha256);
  throw new TypeError(`${op.op} is no row of the directory`);
}

/** The row that the removal takes out, as far as its name goes. */
function rowOf(op: RowOp): RowOp {
  return { ...op, op: op.op.replace('deleted_', '') } as RowOp;
}
