import { newId } from '@sallyport/shared/ids';
import { expect, test } from 'vitest';
import { insertEdge } from '../../store/edges.ts';
import { testAdmin } from '../../testing/admin.ts';

test('the edge that a revocation blocks has to confirm it like any other', async () => {
  const admin = await testAdmin();
  const id = newId('edg');
  await insertEdge(admin.database.db, {
    id,
    region: 'south',
    labels: {},
    assertionJwks: [],
    identitySha256: 'a'.repeat(64),
    identityNotAfterMs: Date.now() + 60_000,
    joinedAtMs: Date.now(),
    renewedAtMs: Date.now(),
  });
  const late = {
    edgeId: id,
    region: 'south',
    status: 'unreachable',
    tookMs: null,
    path: null,
  } as const;
  admin.receipts.describe([late]);
  const body = { target: { kind: 'edge', id }, reason: 'stolen' };
  const made = await admin.send('POST', '/v1/revocations?wait=enforced', { body });
  expect([made.status, made.body.enforced]).toEqual([202, false]);
  expect(admin.receipts.waits.at(-1)?.also).toEqual([id]);
  // Blocked, it still closes by its budget if it stays cut off.
  expect(made.body.receipts).toEqual([{ ...late, fencedBy: expect.any(String) }]);
  const read = await admin.send('GET', `/v1/revocations/${made.body.id}`);
  expect(read.body).toMatchObject({ enforced: false, receipts: [late] });
  expect(admin.receipts.waits.at(-1)?.also).toEqual([id]);
});
