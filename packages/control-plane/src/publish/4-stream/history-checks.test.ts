import type { FrameProof } from '@sallyport/shared/sync/messages';
import { bodySha256 } from '@sallyport/shared/sync/signing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readHead, readRevisions } from '../../store/change-log.ts';
import { type Database, openDatabase } from '../../store/database.ts';
import { AskingEdge, believingLanes } from '../../testing/asking-edge.ts';
import { testDatabase, testLog } from '../../testing/database.ts';
import { addUser } from '../../testing/lane-writes.ts';
import type { ReplicaLanes } from '../lanes.ts';
import { HistoryChecks } from './history-checks.ts';

const revisions = 8;
let nowMs = 0;
const monotonic = (): number => nowMs;

/** Of this replica alone, so that what it asks can be counted. */
let database: Database;
/** Of all that the log has, oldest first. */
let proofs: readonly FrameProof[];
let acquired = { ordinary: 0, urgent: 0 };

beforeAll(async () => {
  const { database: writer, url } = await testDatabase();
  for (let n = 0; n < revisions; n += 1) await addUser(writer, `somebody${n}@corp.example`);
  database = openDatabase(url, testLog);
  database.ordinary.on('acquire', () => (acquired.ordinary += 1));
  database.urgent.on('acquire', () => (acquired.urgent += 1));
  const { epoch } = await readHead(database.db, 'directory');
  const rows = await readRevisions(database.db, 'directory', { epoch, rev: 0 }, revisions);
  proofs = rows.map(({ body, ...row }) => {
    return { ...row, bodySha256: bodySha256(body), keyId: 'key', signature: new Uint8Array(64) };
  });
});

afterAll(() => database.close());

beforeEach(() => {
  nowMs = 0;
  acquired = { ordinary: 0, urgent: 0 };
});

/** A replica that has just read the database, and has no frame in its ring. */
async function restarted(): Promise<ReplicaLanes> {
  const lanes = await believingLanes(database, monotonic);
  acquired = { ordinary: 0, urgent: 0 };
  return lanes;
}

const edgeOf = (lanes: ReplicaLanes, edgeId: string): AskingEdge =>
  new AskingEdge(lanes, edgeId, monotonic, 'directory');

describe('Hellos with proofs of frames that are not in the ring', () => {
  it('leave the urgent connections alone and cost one question a second for each position', async () => {
    const lanes = await restarted();
    const older = proofs.slice(0, -1);
    const rush = async (): Promise<void> => {
      const edges = Array.from({ length: 40 }, (_, n) => edgeOf(lanes, `edge-${n}`));
      for (const edge of edges) for (const proof of older) edge.hello(proof);
      for (const [n, edge] of edges.entries()) {
        const proof = older[n % older.length];
        if (proof !== undefined) edge.hello(proof);
      }
      const resumes = (): string[] => edges.flatMap((edge) => edge.resumes);
      await expect.poll(() => resumes().length, { timeout: 10_000 }).toBe(edges.length);
      expect(new Set(resumes())).toEqual(new Set(['tail']));
    };
    await rush();
    const first = acquired.ordinary;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(older.length);
    await rush();
    expect(acquired.ordinary).toBe(first);
    nowMs += 1_000;
    await rush();
    expect(acquired.ordinary).toBeGreaterThan(first);
    expect(acquired.ordinary).toBeLessThanOrEqual(2 * first + older.length);
    expect(acquired.urgent).toBe(0);
    await lanes.stop();
  });

  it('ask the database nothing where the frame is the head that a new replica found', async () => {
    const lanes = await restarted();
    const proof = proofs.at(-1);
    if (proof === undefined) throw new Error('no revisions');
    const edge = edgeOf(lanes, 'edge');
    edge.hello(proof);
    expect(edge.resumes).toEqual(['tail']);
    // Of another history: that is for the database to say.
    const other = edgeOf(lanes, 'other');
    other.hello({ ...proof, bodySha256: new Uint8Array(32) });
    expect(other.resumes).toEqual([]);
    await expect.poll(() => other.resumes, { timeout: 10_000 }).toEqual(['wait']);
    other.end();
    expect(acquired).toEqual({ ordinary: 1, urgent: 0 });
    await lanes.stop();
  });
});

describe('a question about a proof', () => {
  const proofOf = (index: number): FrameProof => {
    const proof = proofs[index];
    if (proof === undefined) throw new Error(`no revision ${index}`);
    return proof;
  };

  it('takes the place of the one that the same lane of the same edge waits with', async () => {
    const checks = new HistoryChecks(database, monotonic);
    const ask = (edgeId: string, index: number) => checks.ask(edgeId, 'directory', proofOf(index));
    const asked = [ask('a', 0), ask('a', 1), ask('b', 1), ask('a', 2), ask('a', 3), ask('b', 0)];
    const answers = await Promise.all(asked);
    const known = (index: number) => ({
      head: { epoch: proofOf(0).epoch, rev: revisions },
      sha256: Buffer.from(proofOf(index).bodySha256).toString('hex'),
    });
    // What b waits with is asked for b, whoever else has left it.
    expect(answers).toEqual([known(0), null, known(1), null, known(3), known(0)]);
    expect(acquired).toEqual({ ordinary: 2, urgent: 0 });
  });

  it('fails with those that wait behind it, and is asked anew the next time', async () => {
    const closed = openDatabase('postgres://127.0.0.1:1/nothing', testLog);
    const checks = new HistoryChecks(closed, monotonic);
    const asked = [0, 1, 2].map((index) =>
      checks.ask(`edge-${index}`, 'directory', proofOf(index)),
    );
    const code = 'database_unavailable';
    for (const one of await Promise.allSettled(asked)) {
      expect(one).toMatchObject({ status: 'rejected', reason: { code } });
    }
    await expect(checks.ask('edge', 'directory', proofOf(0))).rejects.toMatchObject({ code });
    await closed.close();
  });
});
