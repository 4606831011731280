import type { Lane } from '@sallyport/shared/state/model';
import type { FrameProof } from '@sallyport/shared/sync/messages';
import { expect, it } from 'vitest';
import { readHead } from '../store/change-log.ts';
import { openDatabase } from '../store/database.ts';
import { AskingEdge, believingLanes } from '../testing/asking-edge.ts';
import { testDatabase, testLog } from '../testing/database.ts';
import { LostHistories } from './lost-history.ts';

const edgeCount = 50;
const lost = ['revoke', 'directory'] as const satisfies readonly Lane[];

it('many edges that each show lost revisions raise the epoch once, and ask little of the database', async () => {
  const { database: other, url } = await testDatabase();
  const database = openDatabase(url, testLog);
  const asked = { ordinary: 0, urgent: 0 };
  let nowMs = 0;
  let raised = 0;
  const monotonic = (): number => nowMs;
  const histories = new LostHistories({
    database,
    clock: Date.now,
    monotonic,
    log: { ...testLog, error: () => undefined },
    onRaised: () => (raised += 1),
  });
  const shown: Promise<void>[] = [];
  const lanes = await believingLanes(database, monotonic, async (lane, proof, head) => {
    const done = histories.show(lane, proof, head);
    shown.push(done);
    await done;
  });
  // What follows the log asks over connections that it holds.
  database.ordinary.on('acquire', () => (asked.ordinary += 1));
  database.urgent.on('acquire', () => (asked.urgent += 1));
  const headOf = (lane: Lane) => readHead(other.db, lane);
  const attempts = async () =>
    (await other.ordinary.query(`select from admin_audit where resource = 'epoch'`)).rowCount;

  /** Every edge shows of each lane a revision of its own that the database does not have. */
  const rush = (epoch: number): AskingEdge[] =>
    Array.from({ length: edgeCount }, (_, n) =>
      lost.map((lane) => {
        const edge = new AskingEdge(lanes, `edge-${n}`, monotonic, lane);
        edge.hello(proofOf(epoch, 1_000 + n));
        return edge;
      }),
    ).flat();
  const toldToWait = async (edges: readonly AskingEdge[]): Promise<void> => {
    const resumes = () => edges.flatMap((edge) => edge.resumes);
    await expect.poll(resumes, { timeout: 10_000 }).toEqual(edges.map(() => 'wait'));
    await Promise.all(shown);
  };

  const { epoch } = await headOf('revoke');
  rush(epoch);
  await expect.poll(() => headOf('directory'), { timeout: 5_000 }).not.toMatchObject({ epoch });
  await Promise.all(shown);
  expect(shown.length).toBeGreaterThan(20);
  expect([raised, await attempts()]).toEqual([1, 1]);
  // Four statements for a hundred questions about the log, and one about the last raise.
  expect(asked.ordinary).toBeLessThanOrEqual(10);
  expect(asked.urgent).toBe(1);

  // Once more within the hour: that takes a person, and nobody asks why more than once a second.
  const { epoch: second } = await headOf('revoke');
  const heads = () => [...lanes.heads().values()].map((head) => head.epoch);
  lanes.wake();
  await expect.poll(() => new Set(heads()), { timeout: 5_000 }).toEqual(new Set([second]));
  asked.ordinary = 0;
  for (let round = 0; round < 3; round += 1) await toldToWait(rush(second));
  expect(shown.length).toBeGreaterThan(300);
  expect(asked.ordinary).toBeLessThanOrEqual(10);
  nowMs += 1_000;
  await toldToWait(rush(second));
  expect(asked.ordinary).toBeLessThanOrEqual(20);
  expect(asked.urgent).toBe(1);
  expect([raised, await attempts()]).toEqual([1, 1]);
  await lanes.stop();
  await database.close();
});

function proofOf(epoch: number, rev: number): FrameProof {
  const bodySha256 = new Uint8Array(32).fill(7);
  const signature = new Uint8Array(64);
  return { epoch, prevRev: rev - 1, rev, bodySha256, keyId: 'key', signature };
}
