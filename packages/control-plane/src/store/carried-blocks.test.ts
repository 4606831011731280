import { newId } from '@sallyport/shared/ids';
import type { Block } from '@sallyport/shared/state/model';
import { beforeEach, expect, test } from 'vitest';
import { systemActor } from '../testing/actor.ts';
import { type Json, type TestAdmin, testAdmin } from '../testing/admin.ts';
import { loggedOps, newestOps } from '../testing/log-ops.ts';
import { adoptCarried } from './carried-blocks.ts';
import { CarriedSaid } from './carried-said.ts';
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
    reason: `carried over a change of the epoch by ${edge}`,
  });
  const audit = await admin.send('GET', '/v1/audit?resource=revocation');
  const { revocationId, kind, subjectId } = block;
  expect(audit.body.items).toMatchObject([
    { verb: 'adopt', resourceId: revocationId, actor: { id: edge }, detail: { kind, subjectId } },
  ]);
  const ofEdge = await admin.send('GET', `/v1/audit?resource=edge&resourceId=${edge}`);
  expect(ofEdge.body.items).toMatchObject([{ verb: 'carry', detail: { adopted: 1 } }]);
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
    carried({ kind: 'everyone' }),
    carried({ subjectId: '' }),
    carried({ subjectId: 'a b\u0000' }),
    carried({ subjectId: 'x'.repeat(129) }),
    carried({ expiresAtMs: Date.now() - 1 }),
    carried({ expiresAtMs: 1.5 }),
  ];
  expect(await adopt(odd)).toEqual({ adopted: 0, skipped: odd.length });
  expect(await adopt([carried(), ...odd])).toMatchObject({ adopted: 1 });
});

const revokeOps = async () => (await loggedOps(admin.database, 'revoke')).flat();

test('an id that a hostile edge named first for somebody else keeps no honest block out', async () => {
  await raise();
  const honest = carried({ expiresAtMs: Date.now() + dayMs });
  const hostile = carried({ revocationId: honest.revocationId, expiresAtMs: Date.now() + dayMs });
  expect(await adopt([hostile], Date.now(), newId('edg'))).toMatchObject({ adopted: 1 });
  expect(await adopt([honest])).toEqual({ adopted: 1, skipped: 0 });
  const { revocationId, kind, subjectId } = honest;
  const ops = await newestOps(admin.database, 'revoke');
  expect(ops).toMatchObject([{ op: 'block', kind, subjectId, expiresAtMs: honest.expiresAtMs }]);
  expect(ops[0]).not.toMatchObject({ revocationId });
  const { body } = await admin.send('GET', '/v1/audit?resource=revocation');
  expect(body.items[0]).toMatchObject({ verb: 'adopt', detail: { carriedAs: revocationId } });
  // Another honest edge finds it known.
  expect(await adopt([honest], Date.now(), newId('edg'))).toMatchObject({ adopted: 0 });
  expect(await newestOps(admin.database, 'revoke')).toEqual(ops);
  // Whoever lifts it ends what edges carry too, and not the block of the other subject.
  const adoptedId = ops[0]?.op === 'block' ? ops[0].revocationId : '';
  await admin.send('DELETE', `/v1/revocations/${adoptedId}`);
  expect(await adopt([honest], Date.now() + 2 * dayMs)).toMatchObject({ adopted: 0 });
  expect(await adopt([honest])).toMatchObject({ adopted: 0 });
  expect(await newestOps(admin.database, 'revoke')).toEqual([
    { op: 'lifted_block', revocationId, kind, subjectId },
  ]);
});

test('an id that a hostile edge named first with an early end does not end the block early', async () => {
  await raise();
  const honest = carried();
  const short = { ...honest, expiresAtMs: Date.now() + 60_000 };
  await adopt([short], Date.now(), newId('edg'));
  expect(await adopt([honest])).toMatchObject({ adopted: 1 });
  const ops = await newestOps(admin.database, 'revoke');
  const { revocationId, kind, subjectId } = honest;
  expect(ops).toMatchObject([{ op: 'block', kind, subjectId, expiresAtMs: null }]);
  const adoptedId = ops[0]?.op === 'block' ? ops[0].revocationId : '';
  await admin.send('DELETE', `/v1/revocations/${adoptedId}`);
  expect(await adopt([honest], Date.now(), newId('edg'))).toMatchObject({ adopted: 0 });
  // The carried one is lifted, and the row of the same name stands.
  expect(await newestOps(admin.database, 'revoke')).toEqual([
    { op: 'lifted_block', revocationId, kind, subjectId },
    short,
  ]);
});

test('the reason of a block is kept where it is known, and hides nothing of how it came back', async () => {
  const user = await admin.send('POST', '/v1/users', { body: {} });
  const target = { kind: 'user', id: user.body.id as string };
  const body = { target, effect: 'block', expiresInSeconds: 60, reason: 'laptop stolen' };
  const made = await admin.send('POST', '/v1/revocations', { body });
  await raise();
  const block = carried({ revocationId: made.body.id, subjectId: target.id });
  await adopt([block]);
  const reasons = async (): Promise<string[]> =>
    (await admin.send('GET', '/v1/revocations')).body.items.map((row: Json) => row.reason);
  const how = `carried over a change of the epoch as ${block.revocationId} by ${edge}`;
  expect(await reasons()).toEqual([`${how}: laptop stolen`, 'laptop stolen']);
  // It is known by that: neither this edge nor another one has it adopted once more.
  expect(await adopt([block], Date.now(), newId('edg'))).toMatchObject({ adopted: 0 });
  expect(await reasons()).toHaveLength(2);
});

test('what a hostile edge reports never lifts what honest edges carry', async () => {
  await raise();
  const honest = [carried(), carried({ kind: 'everyone', subjectId: '' })];
  const soon = Date.now() + 60_000;
  const short = honest.map((block) => ({ ...block, expiresAtMs: soon }));
  const others = honest.map(({ revocationId }) => carried({ revocationId }));
  const body = {
    target: { kind: 'everyone' },
    effect: 'block',
    expiresInSeconds: 600,
    reason: 'x',
  };
  await admin.send('POST', '/v1/revocations', { body });
  for (const blocks of [others, short, others, short]) await adopt(blocks);
  expect((await revokeOps()).filter(({ op }) => op === 'lifted_block')).toEqual([]);
});

test('a block of everyone or of an edge is adopted once a second edge reports the same', async () => {
  await raise();
  const wide = [
    carried({ kind: 'everyone', subjectId: '' }),
    carried({ kind: 'edge', subjectId: newId('edg'), expiresAtMs: Date.now() + dayMs }),
  ];
  expect(await adopt(wide)).toMatchObject({ adopted: 0 });
  expect(await adopt(wide)).toMatchObject({ adopted: 0 });
  const { body } = await admin.send('GET', '/v1/audit?resource=revocation');
  const reports = body.items.filter((item: { verb: string }) => item.verb === 'report');
  expect(reports).toHaveLength(2);
  expect(await revokeOps()).not.toContainEqual(expect.objectContaining({ op: 'block' }));
  const second = newId('edg');
  const otherEnd = wide.map((block) => ({ ...block, expiresAtMs: Date.now() + 2 * dayMs }));
  expect(await adopt(otherEnd, Date.now(), second)).toMatchObject({ adopted: 0 });
  expect(await adopt(wide, Date.now(), second)).toMatchObject({ adopted: 2 });
});

test('a person decides about a block of everyone by making the same one in its name', async () => {
  await raise();
  const lockdown = carried({ kind: 'everyone', subjectId: '' });
  await adopt([lockdown]);
  const { revocationId, kind, subjectId } = lockdown;
  const reason = `lost in the restore: ${revocationId}`;
  const body = { target: { kind: 'everyone' }, effect: 'block', expiresInSeconds: 600, reason };
  const made = await admin.send('POST', '/v1/revocations', { body });
  expect(made.status).toBe(201);
  await adopt([lockdown]);
  const lifted = { op: 'lifted_block', revocationId, kind, subjectId };
  expect(await revokeOps()).not.toContainEqual(lifted);
  await admin.send('DELETE', `/v1/revocations/${made.body.id}`);
  await adopt([lockdown]);
  expect(await newestOps(admin.database, 'revoke')).toEqual([lifted]);
});

test('a lift is said again once a minute for each edge and block', async () => {
  await raise();
  const block = carried();
  await adopt([block]);
  await admin.send('DELETE', `/v1/revocations/${block.revocationId}`);
  const said = new CarriedSaid();
  const lifts = async () => {
    return (await revokeOps()).filter(({ op }) => op === 'lifted_block').length;
  };
  const before = await lifts();
  const nowMs = Date.now();
  const say = (from: string, atMs: number) =>
    adoptCarried(admin.database, from, [block], atMs, said);
  for (const atMs of [nowMs, nowMs + 1, nowMs + 59_999]) await say(edge, atMs);
  expect(await lifts()).toBe(before + 1);
  await say(newId('edg'), nowMs);
  expect(await lifts()).toBe(before + 2);
  await say(edge, nowMs + 60_000);
  expect(await lifts()).toBe(before + 3);
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
  const written = async () =>
    (await admin.database.ordinary.query(`select 1 from admin_audit`)).rowCount;
  const before = await written();
  expect(await adopt(blocks)).toEqual({ adopted: 0, skipped: 5 });
  expect(await written()).toBe(before);
  expect(await adopt(blocks, Date.now(), newId('edg'))).toMatchObject({ adopted: 3 });
});
