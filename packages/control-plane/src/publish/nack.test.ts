import { createHash } from 'node:crypto';
import type { FrameMessage } from '@sallyport/shared/sync/messages';
import { beforeAll, describe, expect, it } from 'vitest';
import { type EdgeWorld, type JoinedEdge, startEdgeWorld } from '../testing/edge-world.ts';
import { addUser } from '../testing/lane-writes.ts';
import { ScriptedEdge } from '../testing/scripted-edge.ts';

let world: EdgeWorld;

beforeAll(async () => {
  world = await startEdgeWorld();
});

const sha256 = (body: Uint8Array) => createHash('sha256').update(body).digest();

/** Refuses each frame of this revision, and takes the rest. */
function refuser(joined: JoinedEdge, refusedRev: () => number): ScriptedEdge {
  return new ScriptedEdge(
    joined.client,
    { directory: null },
    {
      rootPublicKey: world.seed.rootPublicKey,
      onFrame({ lane, epoch, rev, body }: FrameMessage, edge) {
        if (rev !== refusedRev()) return 'take';
        const position = { epoch, rev };
        edge.nack({
          lane,
          position,
          code: 'SCHEMA',
          detail: 'an op I do not know',
          refusedSha256: sha256(body),
        });
        return 'leave';
      },
    },
  );
}

const laneOf = (edgeId: string) =>
  world.publisher.receipts.edgeStatus(edgeId)?.lanes.directory ?? null;

describe('bytes that an edge refused', () => {
  it('are not sent to it again, and the lane goes on by shards once there is something else', async () => {
    const joined = await world.joinEdge();
    const start = await addUser(world.database, 'start@corp.example');
    let refusedRev = -1;
    const edge = refuser(joined, () => refusedRev);
    await edge.untilHead('directory', start);
    refusedRev = start.rev + 1;
    await addUser(world.database, 'refused@corp.example');
    await expect.poll(() => laneOf(joined.edgeId)?.nack?.code, { timeout: 5_000 }).toBe('SCHEMA');
    expect(laneOf(joined.edgeId)).toMatchObject({
      held: true,
      enforced: start,
      nack: { code: 'SCHEMA', detail: 'an op I do not know' },
    });
    // Another stream of the same edge and software is not sent them either.
    const other = new ScriptedEdge(
      joined.client,
      { directory: start },
      { rootPublicKey: world.seed.rootPublicKey, acknowledge: false },
    );
    await other.until(() => other.heartbeats.length >= 2);
    expect(other.lane('directory').hashes).toEqual([]);
    // A newer one may take them.
    const newer = new ScriptedEdge(
      joined.client,
      { directory: start },
      { softwareVersion: 'test-2', acknowledge: false },
    );
    await newer.untilHead('directory', { ...start, rev: refusedRev });
    newer.close();
    other.close();

    const hashes = [...edge.lane('directory').hashes];
    refusedRev = -1;
    const next = await addUser(world.database, 'next@corp.example');
    await edge.untilHead('directory', next);
    expect(edge.lane('directory').resumes).toEqual(['shards', 'shards']);
    expect(edge.lane('directory').hashes.filter((hash) => hash === hashes.at(-1))).toHaveLength(1);
    expect(laneOf(joined.edgeId)).toMatchObject({ held: false });
    expect(edge.problems).toEqual([]);
    edge.close();
  });

  it('are known by their hash, whichever stream they were refused on', async () => {
    const joined = await world.joinEdge();
    const have = await addUser(world.database, 'one@corp.example');
    const edge = refuser(joined, () => have.rev + 1);
    await edge.untilHead('directory', have);
    await addUser(world.database, 'two@corp.example');
    await expect.poll(() => laneOf(joined.edgeId)?.held, { timeout: 5_000 }).toBe(true);
    edge.close();
    await expect.poll(() => world.publisher.openStreams(), { timeout: 5_000 }).toBe(0);
    const again = new ScriptedEdge(joined.client, { directory: have }, { acknowledge: false });
    await again.until(() => again.heartbeats.length >= 2);
    expect(again.lane('directory').hashes).toEqual([]);
    expect(laneOf(joined.edgeId)).toMatchObject({ held: true });
    again.close();
  });
});
