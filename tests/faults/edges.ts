import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isReady } from '../support/metrics.ts';
import { recovered } from '../support/recoveries.ts';
import { until } from '../support/until.ts';
import { revokeAndCheck, servedSession, untilNormal, type World } from '../support/world.ts';

/** An edge fails, with or without somebody to ask. */
export function edgeFaults(world: () => World): void {
  describe('an edge', () => {
    it('F17 that is killed and started again with no control plane serves who it served, and denies who was denied', async () => {
      const { stack, asker } = world();
      const ended = await servedSession(world());
      const live = await servedSession(world());
      await revokeAndCheck(world(), ended);
      const planes = stack.description.controlPlanes.map(({ name }) => name);
      await Promise.all([...planes, 'edge-1'].map((name) => stack.kill(name)));

      const startedAt = performance.now();
      await stack.restart('edge-1');
      recovered('F17', 'it listens after', performance.now() - startedAt);
      await untilEdgeReady(world(), 0);
      recovered('F17', 'it is ready, from its disk alone, after', performance.now() - startedAt);
      expect(await asker.status(live, 0)).toBe(200);
      recovered('F17', 'and serves the first session after', performance.now() - startedAt);
      expect(await asker.status(ended, 0)).toBe(401);

      const back = performance.now();
      await Promise.all(planes.map((name) => stack.restart(name)));
      recovered('F17', 'replicas are started again', performance.now() - back);
      recovered('F17', 'and all is as it was after', await untilNormal(world()));
      await revokeAndCheck(world(), live);
    });

    it('F20 whose cache is damaged while it is down drops what is damaged and fetches it again', async () => {
      const { stack, asker } = world();
      const ended = await servedSession(world());
      const live = await servedSession(world());
      await revokeAndCheck(world(), ended);
      await stack.kill('edge-1');
      const damaged = await damage(join(stack.description.dir, 'edge-1', 'state'));
      expect(damaged).toBeGreaterThan(0);
      const startedAt = performance.now();
      await stack.restart('edge-1');
      await untilEdgeReady(world(), 0);
      recovered('F20', `ready with ${damaged} files damaged after`, performance.now() - startedAt);
      expect(await asker.status(live, 0)).toBe(200);
      expect(await asker.status(ended, 0)).toBe(401);
      recovered('F20', 'and all is as it was after', await untilNormal(world()));
    });
  });
}

/** Waits until the edge says that it is ready. */
async function untilEdgeReady({ stack }: World, edge: number): Promise<void> {
  const { ops } = stack.description.edges[edge] ?? { ops: '' };
  await until('the edge is ready', () => isReady(ops));
}

/** Turns one byte in the middle of every file around; gives how many there were. */
async function damage(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  for (const { parentPath, name } of files) {
    const file = join(parentPath, name);
    const bytes = await readFile(file);
    const middle = Math.floor(bytes.length / 2);
    if (bytes.length === 0) continue;
    bytes.writeUInt8(bytes.readUInt8(middle) ^ 0xff, middle);
    await writeFile(file, bytes);
  }
  return files.length;
}
