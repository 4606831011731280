import { describe, expect, it } from 'vitest';
import type { ChangedSubjects, StateChange } from '../state/current.ts';
import { type Concern, Redecisions } from './redecisions.ts';

const users = (...ids: string[]): ChangedSubjects => ({
  sessions: new Set(),
  users: new Set(ids),
  devices: new Set(),
  certificates: new Set(),
});
const change = (rev: number, subjects: ChangedSubjects | null): StateChange => ({
  lane: 'revoke',
  position: { epoch: 1, rev },
  bundleChanged: false,
  subjects,
});
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('deciding open exchanges again', () => {
  it('reports a change enforced only when the redecision has ended', async () => {
    const gate = Promise.withResolvers<void>();
    const enforced: number[] = [];
    const line = new Redecisions(
      () => gate.promise,
      (seq) => enforced.push(seq),
    );
    line.add(1, change(1, users('usr_a')));
    await settled();
    expect(enforced).toEqual([]);
    gate.resolve();
    await settled();
    expect(enforced).toEqual([1]);
  });

  it('puts changes together that come while one is running', async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const seen: (Concern | undefined)[] = [];
    const enforced: number[] = [];
    const line = new Redecisions(
      async (next) => {
        seen.push(next);
        await gates[seen.length - 1]?.promise;
      },
      (seq) => enforced.push(seq),
    );
    line.add(1, change(1, users('usr_a')));
    line.add(2, change(2, users('usr_b')));
    line.add(3, null);
    line.add(4, change(3, users('usr_c')));
    gates[0]?.resolve();
    gates[1]?.resolve();
    await settled();
    expect(seen.map((next) => next?.subjects?.users)).toEqual([
      new Set(['usr_a']),
      new Set(['usr_b', 'usr_c']),
    ]);
    expect(enforced).toEqual([1, 4]);
  });

  it('decides again about what has no number, and tells nobody but for what it was put with', async () => {
    const gate = Promise.withResolvers<void>();
    const seen: Concern[] = [];
    const enforced: number[] = [];
    const line = new Redecisions(
      async (next) => {
        seen.push(next);
        await gate.promise;
      },
      (seq) => enforced.push(seq),
    );
    line.add(null, { subjects: null });
    line.add(1, change(1, users('usr_a')));
    line.add(null, { subjects: null });
    expect([seen.map(({ subjects }) => subjects), enforced]).toEqual([[null], []]);
    gate.resolve();
    await settled();
    expect([seen.map(({ subjects }) => subjects), enforced]).toEqual([[null, null], [1]]);
  });

  it('takes "anyone" for everything that it is put together with', async () => {
    const gate = Promise.withResolvers<void>();
    const seen: Concern[] = [];
    const line = new Redecisions(
      async (next) => {
        seen.push(next);
        await gate.promise;
      },
      () => undefined,
    );
    line.add(1, change(1, users('usr_a')));
    line.add(2, change(2, null));
    line.add(3, change(3, users('usr_b')));
    gate.resolve();
    await settled();
    expect(seen.at(-1)?.subjects).toBeNull();
  });
});
