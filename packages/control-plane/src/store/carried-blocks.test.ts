import { newId } from '@sallyport/shared/ids';
import type { Block } from '@sallyport/shared/state/model';
import { beforeEach, expect, test } from 'vitest';
import { systemActor } from '../testing/actor.ts';
import { type TestAdmin, testAdmin } from '../testing/admin.ts';
import { loggedOps, newestOps } from '../testing/log-ops.ts';
import { adoptCarried } from './carried-blocks.ts';
import { readHead } from './change-log.ts';
import { raiseEpoch } from './epoch.ts';

let admin: TestAdmin;
beforeEach(async () => {
  admin = await testAdmin();
});

const dayMs = 86_400_000;
const edge = newId('edg');

function carried(change: Partial<Block> = {}): Block {
  return {
    op: 'block',
    revocationId: newId('rev'),
    kind: 'user',
    subjectId: newId('usr'),
    expiresAtMs: null,
    ...change,
  };
}

const adopt = (blocks: readonly Block[], nowMs = Date.now(), from = edge) =>
  adoptCarried(admin.database, from, blocks, nowMs);

async function raise(nowMs = Date.now()): Promise<void> {
  await raiseEpoch(admin.database, { reason: 'test', actor: systemActor, nowMs });
}

test('a block that the database lost is a revocation again, under its own id, and can be lifted', async () => {
  await raise();
  const block = carried();
  expect(await adopt([block])).toEqual({ adopted: 1, skipped: 0 });
  expect(await newestOps(admin.database, 'revoke')).toEqual([block]);
  const path = `/v1/revocations/${block.revocationId}`;
  expect((await admin.send('GET', path)).body).toMatchObject({
    target: { kind: 'user', id: block.subjectId },
    effect: 'block',
    createdBy: `carried:${edge}`,
  });
  const audit = await admin.send('GET', '/v1/audit?resource=revocation');
  expect(audit.body.items[0]).toMatchObject({ verb: 'adopt', actor: { id: edge } });
  expect((await admin.send('DELETE', path)).status).toBe(200);
  const [lifted] = await newestOps(admin.database, 'revoke');
  expect(lifted).toMatchObject({ op: 'lifted_block', revocationId: block.revocationId });
});

test('what several edges carry is adopted once, and said again costs no revision', async () => {
  await raise();
  const blocks = Array.from({ length: 20 }, () => carried());
  const all = await Promise.all([
    adopt(blocks),
    adopt(blocks.toReversed(), Date.now(), newId('edg')),
    adopt([...blocks, ...blocks]),
  ]);
  expect(all.reduce((sum, { adopted }) => sum + adopted, 0)).toBe(20);
  const head = await readHead(admin.database.db, 'revoke');
  expect(await adopt(blocks)).toEqual({ adopted: 0, skipped: 20 });
  expect(await readHead(admin.database.db, 'revoke')).toEqual(head);
  const ops = (await loggedOps(admin.database, 'revoke')).flat();
  expect(ops.filter((op) => op.op === 'block')).toHaveLength(20);
});

test('a block that was lifted is lifted again for the edge that missed it', async () => {
  await raise();
  const block = carried();
  await adopt([block]);
  await admin.send('DELETE', `/v1/revocations/${block.revocationId}`);
  expect(await adopt([block])).toEqual({ adopted: 0, skipped: 1 });
  expect(await newestOps(admin.database, 'revoke')).toEqual([
    {
      op: 'lifted_block',
      revocationId: block.revocationId,
      kind: 'user',
      subjectId: block.subjectId,
    },
  ]);
});

test('nothing is adopted where no epoch was raised, or a day later', async () => {
  expect(await adopt([carried()])).toEqual({ adopted: 0, skipped: 1 });
  await raise();
  expect(await adopt([carried()], Date.now() + dayMs + 1)).toEqual({ adopted: 0, skipped: 1 });
});

test('what is not a block of ours, or has expired, is skipped', async () => {
  await raise();
  const odd = [
    carried({ revocationId: 'rev_1' }),
    carried({ revocationId: '' }),
    carried({ kind: 'service', subjectId: 'svc_1' }),
    carried({ kind: 'everyone' }),
    carried({ subjectId: '' }),
    carried({ subjectId: 'a b\u0000' }),
    carried({ subjectId: 'x'.repeat(129) }),
    carried({ expiresAtMs: Date.now() - 1 }),
    carried({ expiresAtMs: 1.5 }),
  ];
  expect(await adopt(odd)).toEqual({ adopted: 0, skipped: odd.length });
  const lockdown = carried({ kind: 'everyone', subjectId: '' });
  expect(await adopt([lockdown, ...odd])).toMatchObject({ adopted: 1 });
});

test('an edge is believed for so many blocks and no more', async () => {
  await raise();
  await admin.database.ordinary.query(
    `insert into revocations (id, target, subject_id, effect, reason, created_by, created_at_ms)
     select 'rev_' || n, 'user', 'usr_' || n, 'block', 'test', $1, $2
     from generate_series(1, 9998) n`,
    [`carried:${edge}`, Date.now() + 1_000],
  );
  const blocks = Array.from({ length: 5 }, () => carried());
  expect(await adopt(blocks)).toEqual({ adopted: 2, skipped: 3 });
  expect(await adopt(blocks, Date.now(), newId('edg'))).toMatchObject({ adopted: 3 });
});
