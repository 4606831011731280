import { expect, it } from 'vitest';
import { startEdgeWorld } from './edge-world.ts';

it('a world that was stopped keeps no connection, so that a file can have many', async () => {
  const stopped = await startEdgeWorld();
  const name = new URL(stopped.url).pathname.slice(1);
  const there = await startEdgeWorld();
  const connections = async () => {
    const { rows } = await there.database.ordinary.query<{ count: number }>(
      'select count(*)::int as count from pg_stat_activity where datname = $1',
      [name],
    );
    return rows[0]?.count;
  };
  expect(await connections()).toBeGreaterThan(0);
  await stopped.stop();
  // The server notices a little later that a client has gone.
  await expect.poll(connections, { timeout: 5_000 }).toBe(0);
});
