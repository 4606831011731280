import { expect, test } from 'vitest';
import type { Json } from './client/reading.ts';
import { edgeColumns } from './edge-columns.ts';

function rowOf(edge: Json): Readonly<Record<string, string>> {
  return Object.fromEntries(edgeColumns([edge]).map(({ heading, cell }) => [heading, cell(edge)]));
}

const revoke = { enforced: { epoch: 1, rev: 7 }, lagRevisions: 0, stalenessMs: 973, path: 'grpc' };

test('an edge that is gone shows neither an age nor an agreement that are over', () => {
  for (const digestAgrees of [true, false]) {
    const lanes = { revoke: { ...revoke, digestAgrees } };
    const digest = digestAgrees ? 'agrees' : 'DIFFERS: revoke';
    const there = { AGE: '973 ms', DIGEST: digest, REVOKE: '7' };
    expect(rowOf({ connected: true, lanes })).toMatchObject(there);
    const gone = { AGE: '', DIGEST: '', REVOKE: '7', BY: 'grpc' };
    expect(rowOf({ connected: false, lanes })).toMatchObject(gone);
    expect(rowOf({ connected: false, blocked: true, lanes })).toMatchObject(gone);
  }
});
