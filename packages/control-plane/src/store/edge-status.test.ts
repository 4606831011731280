import { newId } from '@sallyport/shared/ids';
import { beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../testing/database.ts';
import type { Database } from './database.ts';
import { type KnownEdge, readKnownEdges, type SeenEdge, saveSeenEdges } from './edge-status.ts';
import { insertEdge } from './edges.ts';

let database: Database;
beforeAll(async () => {
  ({ database } = await testDatabase());
});

const said = { nack: null, held: false, path: 'grpc', stalenessMs: 7, digestAgrees: true } as const;
const position = { epoch: 1, rev: 4 };

async function joined(): Promise<string> {
  const id = newId('edg');
  await insertEdge(database.db, {
    id,
    region: 'south',
    labels: {},
    assertionJwks: [],
    identitySha256: 'a'.repeat(64),
    identityNotAfterMs: 1,
    joinedAtMs: 1,
    renewedAtMs: 1,
  });
  return id;
}

function seen(id: string, more: Partial<SeenEdge> = {}): SeenEdge {
  return {
    id,
    lastSeenAtMs: 5,
    softwareVersion: '1',
    positions: { revoke: { applied: position, enforced: position } },
    enforcedAgoMs: {},
    report: { replica: 'a', lanes: {}, carriedBlocks: null },
    ...more,
  };
}

async function known(id: string): Promise<KnownEdge> {
  const edge = (await readKnownEdges(database.db, 1)).find((one) => one.id === id);
  if (edge === undefined) throw new Error(`${id} is not known`);
  return edge;
}

test('what an edge noticed is that of the process it runs now, lane by lane', async () => {
  const id = await joined();
  const alarmsOf = async () => {
    const { revoke, directory } = (await known(id)).report?.lanes ?? {};
    return { revoke: revoke?.alarms, directory: directory?.alarms };
  };
  const save = (lanes: SeenEdge['report']['lanes'], replica: string) =>
    saveSeenEdges(database.db, [seen(id, { report: { replica, lanes, carriedBlocks: null } })]);
  await save({ revoke: { ...said, alarms: { gap: 2, forged: 1 } } }, 'a');
  await save({ directory: { ...said, alarms: { gap: 5 } } }, 'b');
  expect(await alarmsOf()).toEqual({ revoke: { gap: 2, forged: 1 }, directory: { gap: 5 } });
  // Its process began anew.
  await save({ revoke: { ...said, alarms: { late: 1 } } }, 'a');
  expect(await alarmsOf()).toEqual({ revoke: { late: 1 }, directory: { gap: 5 } });
});

test('when an edge enforced something is kept by the clock of the database', async () => {
  const id = await joined();
  const before = (await known(id)).databaseMs;
  await saveSeenEdges(database.db, [seen(id, { enforcedAgoMs: { revoke: 60_000 } })]);
  const { positions, databaseMs } = await known(id);
  const atMs = positions?.revoke?.enforcedAtMs ?? 0;
  expect(positions).toMatchObject({ revoke: { applied: position, enforced: position } });
  expect(atMs).toBeGreaterThanOrEqual(before - 60_000);
  expect(atMs).toBeLessThanOrEqual(databaseMs - 60_000);
  await saveSeenEdges(database.db, [seen(id)]);
  expect((await known(id)).positions?.revoke?.enforcedAtMs).toBe(null);
});
