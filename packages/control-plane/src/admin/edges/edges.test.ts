import { newId } from '@sallyport/shared/ids';
import { hashToken } from '@sallyport/shared/keys/tokens';
import { beforeAll, expect, test } from 'vitest';
import { transaction } from '../../store/database.ts';
import { insertEdge, useJoinToken } from '../../store/edges.ts';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';
import { newestOps } from '../../testing/log-ops.ts';

let admin: TestAdmin;
beforeAll(async () => {
  admin = await testAdmin();
});

const said = {
  nack: null,
  held: false,
  path: 'nats',
  stalenessMs: 40,
  digestAgrees: true,
} as const;

async function joined(region: string, kid: string): Promise<string> {
  const id = newId('edg');
  const nowMs = Date.now();
  await insertEdge(admin.database.db, {
    id,
    region,
    labels: { rack: '7' },
    assertionJwks: [JSON.stringify({ kty: 'EC', kid })],
    identitySha256: 'a'.repeat(64),
    identityNotAfterMs: nowMs + 60_000,
    joinedAtMs: nowMs,
    renewedAtMs: nowMs,
    softwareVersion: '0.1.0',
    lastSeenAtMs: nowMs - 60_000,
    report: {
      replica: 'other',
      connectedSinceMs: nowMs - 90_000,
      lanes: {
        revoke: { ...said, saidAtMs: nowMs - 60_000, alarms: { gap: 2, forged: 1 } },
        signals: { ...said, alarms: { gap: 1 } },
      },
      carriedBlocks: 1,
    },
    positions: { revoke: { applied: { epoch: 1, rev: 3 }, enforced: { epoch: 1, rev: 2 } } },
  });
  return id;
}

test('an edge is shown as its row says, and as this replica sees it while it is connected', async () => {
  const id = await joined('south', 'k-south');
  const { body: away } = await admin.send('GET', `/v1/edges/${id}`);
  expect(away).toMatchObject({
    region: 'south',
    labels: { rack: '7' },
    connected: false,
    connectedSince: null,
    blocked: false,
    softwareVersion: '0.1.0',
    replica: 'other',
    lanes: {
      revoke: {
        applied: { rev: 3 },
        enforced: { rev: 2 },
        nack: null,
        path: 'nats',
        digestAgrees: true,
      },
    },
    alarms: { gap: 3, forged: 1 },
    carriedBlocks: 1,
  });
  // Gone for a minute, so no fresher than that.
  expect(away.lanes.revoke.stalenessMs).toBeGreaterThanOrEqual(60_040);
  const nack = { code: 'COMPILE', detail: 'policy x' };
  admin.receipts.describe(
    [],
    [
      {
        edgeId: id,
        connected: true,
        connectedSinceMs: 1_000,
        softwareVersion: '0.2.0',
        lastSeenAtMs: 2_000,
        lanes: {
          config: {
            applied: null,
            enforced: null,
            nack,
            here: true,
            held: true,
            path: null,
            stalenessMs: 7,
            digestAgrees: false,
            alarms: { late: 1 },
          },
        },
        carriedBlocks: 0,
      },
    ],
  );
  const { body: list } = await admin.send('GET', '/v1/edges?region=south');
  expect(list.items).toMatchObject([
    {
      id,
      connected: true,
      softwareVersion: '0.2.0',
      lanes: { config: { nack, held: true, stalenessMs: 7, digestAgrees: false } },
      alarms: { gap: 3, forged: 1, late: 1 },
    },
  ]);
});

test('an edge with streams to another replica is connected since when that one says', async () => {
  const id = await joined('elsewhere', 'k-elsewhere');
  await admin.database.ordinary.query('update edges set last_seen_at_ms = $2 where id = $1', [
    id,
    Date.now(),
  ]);
  const { body } = await admin.send('GET', `/v1/edges/${id}`);
  expect(body.connected).toBe(true);
  expect(Date.parse(body.connectedSince)).toBe(Date.parse(body.joinedAt) - 90_000);
});

test('the keys of an edge are public until it is blocked or deleted', async () => {
  const [blocked, deleted] = [await joined('east', 'k-blocked'), await joined('east', 'k-deleted')];
  const kids = async (): Promise<string[]> => {
    const answer = await admin.send('GET', '/.well-known/sallyport/jwks.json', { token: null });
    expect(answer.headers['cache-control']).toBe('public, max-age=60');
    return answer.body.keys.map((key: { kid: string }) => key.kid);
  };
  expect(await kids()).toEqual(expect.arrayContaining(['k-blocked', 'k-deleted']));
  const body = { target: { kind: 'edge', id: blocked }, reason: 'stolen' };
  await admin.send('POST', '/v1/revocations', { body });
  expect((await admin.send('GET', `/v1/edges/${blocked}`)).body.blocked).toBe(true);
  expect((await admin.send('DELETE', `/v1/edges/${deleted}`)).status).toBe(204);
  expect(await newestOps(admin.database, 'config')).toEqual([
    { op: 'deleted_edge', edgeId: deleted },
  ]);
  expect(await kids()).not.toEqual(expect.arrayContaining(['k-blocked']));
  expect(await kids()).not.toEqual(expect.arrayContaining(['k-deleted']));
  expect((await admin.send('DELETE', `/v1/edges/${deleted}`)).status).toBe(404);
});

test('a join token is good for one edge, until it expires', async () => {
  const { status, body } = await admin.send('POST', '/v1/edges:join-token', {
    body: { expiresInSeconds: 60 },
  });
  expect([status, body.token]).toEqual([201, expect.stringMatching(/^sp_join_/)]);
  const use = (nowMs: number) =>
    transaction(admin.database.ordinary, (db) =>
      useJoinToken(db, hashToken(body.token as string), newId('edg'), nowMs),
    );
  expect(await use(Date.parse(body.expiresAt))).toBe(false);
  expect(await Promise.all([use(Date.now()), use(Date.now())])).toContain(true);
  expect(await use(Date.now())).toBe(false);
});
