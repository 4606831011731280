import { status } from '@sallyport/proto/grpc';
import { beforeAll, describe, expect, it } from 'vitest';
import { testLog } from '../testing/database.ts';
import { type EdgeWorld, startEdgeWorld } from '../testing/edge-world.ts';
import { blockEdge, removeEdge } from '../testing/lane-writes.ts';
import { ScriptedEdge } from '../testing/scripted-edge.ts';
import { createEdgeGuard } from './edge-guard.ts';

let world: EdgeWorld;

beforeAll(async () => {
  world = await startEdgeWorld();
});

const nothing = { revoke: null, config: null, directory: null };

describe('an edge that is blocked', () => {
  it('loses its streams, and its next calls are refused', async () => {
    const { edgeId, client } = await world.joinEdge();
    const edge = new ScriptedEdge(client, nothing);
    const record = client.record();
    const recordEnded = new Promise<number>((resolve) => {
      record.on('error', (error: { code: number }) => resolve(error.code));
    });
    await edge.until(() => edge.lane('directory').head !== null);
    await blockEdge(world.database, edgeId);
    await edge.until(() => edge.end !== null);
    expect(edge.end?.code).toBe(status.PERMISSION_DENIED);
    expect([status.UNAVAILABLE, status.CANCELLED, status.INTERNAL]).toContain(await recordEnded);
    const again = new ScriptedEdge(client, nothing);
    await again.until(() => again.end !== null);
    expect(again.end?.code).toBe(status.PERMISSION_DENIED);
    expect(again.lane('revoke').resumes).toEqual([]);
  });

  it('is cut at once when it is deleted in the moment that it has left', async () => {
    const { edgeId } = await world.joinEdge();
    const seen: string[] = [];
    const guard = createEdgeGuard({
      database: world.database,
      clock: Date.now,
      monotonic: () => performance.now(),
      log: testLog,
      lastWordMs: 3_600_000,
      onListed: () => undefined,
    });
    guard.add({
      edgeIds: () => [edgeId],
      hush: () => seen.push('hushed'),
      bar: () => seen.push('barred'),
    });
    await blockEdge(world.database, edgeId);
    await guard.registry.refresh();
    await expect.poll(() => seen, { timeout: 5_000 }).toEqual(['hushed']);
    await removeEdge(world.database, edgeId);
    await guard.registry.refresh();
    await expect.poll(() => seen, { timeout: 5_000 }).toEqual(['hushed', 'barred']);
  });

  it('loses its streams when it is deleted, too', async () => {
    const { edgeId, client } = await world.joinEdge();
    const edge = new ScriptedEdge(client, nothing);
    await edge.until(() => edge.lane('directory').head !== null);
    await removeEdge(world.database, edgeId);
    await edge.until(() => edge.end !== null);
    expect(edge.end?.code).toBe(status.PERMISSION_DENIED);
  });
});
