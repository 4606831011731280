import { newId } from '@sallyport/shared/ids';
import type { Position } from '@sallyport/shared/state/model';
import { sql } from 'drizzle-orm';
import { beforeEach, describe, expect, test } from 'vitest';
import type { EdgeReceipt } from '../../ports.ts';
import { readHead } from '../../store/change-log.ts';
import { insertEdge } from '../../store/edges.ts';
import type { EdgeLaneReport } from '../../store/schema/index.ts';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';

const hourMs = 3_600_000;
/** What is added to any budget: a minute, and a thousandth of it. */
const slackMs = (budgetMs: number): number => 60_000 + budgetMs / 1_000 + 1_000;

const apiVersion = 'sallyport.dev/v1';
const document = (kind: string, name: string, spec: object) => {
  return { apiVersion, kind, metadata: { name }, spec };
};
const base = [
  document('IdentityProvider', 'corp', {
    issuer: 'https://idp.corp.test',
    clientId: 'sallyport',
    clientSecret: 'corp-secret',
  }),
  document('Policy', 'staff', { allow: [{ name: 'employees', groups: ['employees'] }] }),
];
const settings = (staleness?: object) =>
  document('Settings', 'default', {
    signIn: { host: 'signin.corp.test', identityProvider: 'corp' },
    ...(staleness === undefined ? {} : { staleness }),
  });
const route = (name: string, staleness?: object) =>
  document('Route', name, {
    match: [{ host: `${name}.corp.test` }],
    policies: ['staff'],
    upstream: { url: `https://${name}.internal.corp.test` },
    ...(staleness === undefined ? {} : { staleness }),
  });

let admin: TestAdmin;
let user: string;
beforeEach(async () => {
  admin = await testAdmin();
  await admin.send('PUT', '/v1/secrets/corp-secret', { body: { value: 'the value' } });
  const body = { email: `${newId('usr')}@corp.test` };
  user = (await admin.send('POST', '/v1/users', { body })).body.id;
});

async function apply(...documents: object[]): Promise<void> {
  const body = { documents: [...base, ...documents], prune: true };
  const answer = await admin.send('POST', '/v1/config:apply', { body });
  expect(answer.status).toBe(201);
}

/** All versions so far were made so long before now. */
async function madeAgo(ms: number): Promise<void> {
  const atMs = Date.now() - ms;
  await admin.database.db.execute(sql`update configuration_versions set created_at_ms = ${atMs}`);
}

/** An edge without a stream, and what it said before it left. */
async function edge(
  leftAgoMs: number | null,
  config: Partial<EdgeLaneReport> | null = {},
  revoke: Partial<EdgeLaneReport> = {},
  enforced: Position | null = null,
): Promise<string> {
  const id = newId('edg');
  const nowMs = Date.now();
  const position = enforced ?? (await readHead(admin.database.db, 'config'));
  const said = { nack: null, held: false, path: null, stalenessMs: 500, digestAgrees: true };
  const lanes = {
    revoke: { ...said, ...revoke },
    ...(config && { config: { ...said, ...config } }),
  };
  await insertEdge(admin.database.db, {
    id,
    region: 'south',
    labels: {},
    assertionJwks: [],
    identitySha256: 'a'.repeat(64),
    identityNotAfterMs: nowMs + 60_000,
    joinedAtMs: nowMs,
    renewedAtMs: nowMs,
    lastSeenAtMs: leftAgoMs === null ? null : nowMs - leftAgoMs,
    positions: { config: { applied: position, enforced: position } },
    report: leftAgoMs === null ? null : { replica: 'other', lanes, carriedBlocks: null },
  });
  return id;
}

const receiptOf = (edgeId: string, status: EdgeReceipt['status'] = 'unreachable'): EdgeReceipt => ({
  edgeId,
  region: 'south',
  status,
  tookMs: status === 'enforced' ? 3 : null,
  path: null,
});

/** A revocation that these edges have not confirmed, as it is answered. */
async function revoked(...edgeIds: string[]) {
  admin.receipts.describe(edgeIds.map((id) => receiptOf(id)));
  const body = { target: { kind: 'user', id: user }, reason: 'a test' };
  const answer = await admin.send('POST', '/v1/revocations?wait=enforced', { body });
  expect([answer.status, answer.body.enforced]).toEqual([202, false]);
  return answer.body;
}

/** The budget that the instant comes from, within what is added to any. */
function expectBudget(revocation: { createdAt: string }, fencedBy: string, budgetMs: number): void {
  const afterMs = Date.parse(fencedBy) - Date.parse(revocation.createdAt);
  expect(afterMs).toBeGreaterThanOrEqual(budgetMs + slackMs(budgetMs) - 1_000);
  expect(afterMs).toBeLessThanOrEqual(budgetMs + slackMs(budgetMs));
}

describe('an edge that has not confirmed a revocation', () => {
  test('closes when the longest budget of the routes is over since the commit', async () => {
    await apply(settings(), route('wiki'), route('ledger', { revoke: { denyAfter: '5m' } }));
    const body = await revoked(await edge(20_000));
    expectBudget(body, body.receipts[0].fencedBy, hourMs);
    await apply(settings(), route('wiki'), route('mail', { revoke: { denyAfter: '2h' } }));
    const longer = await revoked(await edge(20_000));
    expectBudget(longer, longer.receipts[0].fencedBy, 2 * hourMs);
    await apply(settings({ revoke: { denyAfter: '4h' } }), route('wiki'));
    const longest = await revoked(await edge(20_000));
    expectBudget(longest, longest.receipts[0].fencedBy, 4 * hourMs);
  });

  test('never closes by itself where one route serves without end', async () => {
    await apply(settings(), route('wiki'), route('status', { revoke: 'serve' }));
    const body = await revoked(await edge(20_000));
    expect(body.receipts[0].fencedBy).toBeNull();
  });

  test('is told of where the others have confirmed, and they are not', async () => {
    await apply(settings(), route('wiki'));
    const [one, other] = [await edge(0), await edge(0)];
    admin.receipts.describe([receiptOf(one, 'enforced'), receiptOf(other)]);
    const { body } = await admin.send('POST', '/v1/revocations?wait=enforced', {
      body: { target: { kind: 'user', id: user }, reason: 'a test' },
    });
    expect(body.receipts[0]).toEqual(receiptOf(one, 'enforced'));
    expectBudget(body, body.receipts[1].fencedBy, hourMs);
    const lifted = await admin.send('DELETE', `/v1/revocations/${body.id}?wait=enforced`);
    expect(lifted.body.receipts[1]).toEqual(receiptOf(other));
  });

  test('closes by the configuration that it may still have, if that is longer', async () => {
    await apply(settings(), route('wiki'), route('status', { revoke: 'serve' }));
    await madeAgo(5 * hourMs);
    await apply(settings(), route('wiki'), route('mail', { revoke: { denyAfter: '3h' } }));
    await madeAgo(4 * hourMs);
    await admin.database.db.execute(sql`
      update configuration_versions set created_at_ms = created_at_ms - ${hourMs} where version = 1`);
    await apply(settings(), route('wiki'));
    const cases: readonly (readonly [string, number | null])[] = [
      [await edge(2 * hourMs), 3 * hourMs],
      [await edge(2 * hourMs, { stalenessMs: 3 * hourMs }), null],
      [await edge(2 * hourMs, { nack: { code: 'COMPILE', detail: '' } }), null],
      [await edge(2 * hourMs, { stalenessMs: null }), null],
      [await edge(2 * hourMs, null), null],
      [await edge(null), null],
    ];
    const body = await revoked(...cases.map(([id]) => id));
    for (const [index, [, budgetMs]] of cases.entries()) {
      const { fencedBy } = body.receipts[index];
      if (budgetMs === null) expect(fencedBy, `case ${index}`).toBeNull();
      else expectBudget(body, fencedBy, budgetMs);
    }
  });

  test('closes by what it decides by, where it has later rows that it refuses', async () => {
    await apply(settings(), route('wiki', { revoke: { denyAfter: '24h' } }));
    const before = await readHead(admin.database.db, 'config');
    await apply(settings(), route('wiki', { revoke: { denyAfter: '5m' } }));
    const newest = await readHead(admin.database.db, 'config');
    await madeAgo(5 * hourMs);
    await admin.database.db.execute(
      sql`update change_log set written_at_ms = written_at_ms - ${5 * hourMs}`,
    );
    // All of them say that their rows are the newest ones, and none is known to have refused one.
    const cases: readonly (readonly [string, number])[] = [
      [await edge(20_000, {}, {}, newest), 300_000],
      [await edge(20_000, {}, {}, before), 24 * hourMs],
      [await edge(20_000, {}, {}, { ...newest, epoch: newest.epoch - 1 }), 24 * hourMs],
    ];
    const body = await revoked(...cases.map(([id]) => id));
    for (const [index, [, budgetMs]] of cases.entries()) {
      expectBudget(body, body.receipts[index].fencedBy, budgetMs);
    }
    // What the edge lacks is not in the log any more.
    await admin.database.db.execute(sql`delete from change_log where lane = 'config'`);
    await admin.send('PUT', '/v1/secrets/corp-secret', { body: { value: 'another value' } });
    const later = await revoked(...cases.map(([id]) => id));
    expectBudget(later, later.receipts[1].fencedBy, 24 * hourMs);
  });

  test('counts from when its revocations were last complete, if that is later', async () => {
    await apply(settings(), route('wiki'));
    const id = await edge(0);
    const { id: revocationId, createdAt } = await revoked(id);
    const laterMs = Date.parse(createdAt) + hourMs;
    await admin.database.db.execute(
      sql`update edges set last_seen_at_ms = ${laterMs} where id = ${id}`,
    );
    const { body } = await admin.send('GET', `/v1/revocations/${revocationId}`);
    const last = { createdAt: new Date(laterMs - 500).toISOString() };
    expectBudget(last, body.receipts[0].fencedBy, hourMs);
  });
});

describe('a revocation that is read', () => {
  test('tells how far the edges are, and by when the others close', async () => {
    await apply(settings(), route('wiki'));
    const [one, other] = [await edge(0), await edge(0)];
    const made = await revoked(one, other);
    admin.receipts.describe([receiptOf(one, 'enforced'), receiptOf(other)]);
    const { body } = await admin.send('GET', `/v1/revocations/${made.id}`);
    expect(body.enforced).toBe(false);
    // Nobody waited for it.
    expect(body.receipts[0]).toEqual({ ...receiptOf(one, 'enforced'), tookMs: null });
    expect(body.receipts[1].fencedBy).toBe(made.receipts[1].fencedBy);
    expect(admin.receipts.waits.at(-1)).toEqual({
      lane: 'revoke',
      rev: made.position.rev,
      timeoutMs: 0,
    });
  });

  test('asks for what is still in the log, where its own revision is no more', async () => {
    const id = await edge(0);
    const made = await revoked(id);
    const { position } = await revoked(id);
    await revoked(id);
    await admin.database.db.execute(sql`
      update change_log set written_at_ms = written_at_ms + 60000
      where lane = 'revoke' and rev > ${made.position.rev}`);
    await admin.database.db.execute(sql`
      delete from change_log where lane = 'revoke' and rev <= ${made.position.rev}`);
    await admin.send('GET', `/v1/revocations/${made.id}`);
    expect(admin.receipts.waits.at(-1)?.rev).toBe(position.rev);
    await admin.database.db.execute(sql`delete from change_log where lane = 'revoke'`);
    await admin.send('GET', `/v1/revocations/${made.id}`);
    expect(admin.receipts.waits.at(-1)?.rev).toBe(position.rev + 1);
  });

  test('tells nothing of edges once it is lifted', async () => {
    const made = await revoked(await edge(0));
    await admin.send('DELETE', `/v1/revocations/${made.id}`);
    const { body } = await admin.send('GET', `/v1/revocations/${made.id}`);
    expect(body.liftedAt).not.toBeNull();
    expect([body.enforced, body.receipts]).toEqual([undefined, undefined]);
  });
});
