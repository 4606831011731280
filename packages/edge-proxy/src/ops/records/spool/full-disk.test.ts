import { afterEach, expect, test } from 'vitest';
import { LimitedProcess } from '../../../testing/limited-process.ts';
import { SpoolHome } from './testing/sample-spool.ts';

const program = new URL('./testing/limited-spool-child.ts', import.meta.url).pathname;
const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).toReversed()) await one();
});

interface Answer {
  readonly result: unknown;
  readonly failing: boolean;
  readonly droppedTotal: { readonly permits: number };
  readonly damagedTotal: number;
  readonly events: readonly string[];
}

test('F26 a disk that takes half of a block and then no more costs nothing that was written', async () => {
  const home = await SpoolHome.make();
  cleanUp.push(() => home.remove());
  const spool = new LimitedProcess<Answer>(program, [home.dir, home.keyText]);
  cleanUp.push(() => spool.end());
  expect((await spool.run('append a')).result).toBe('written');
  spool.limit(6_000);
  expect(await spool.run('append b')).toMatchObject({ result: null, failing: true });
  expect(await spool.run('append c')).toMatchObject({ result: null, failing: true });
  spool.limit('unlimited');
  await expect.poll(async () => (await spool.run('append d')).result).toBe('written');
  expect((await spool.run('append e')).result).toBe('written');
  expect(await spool.run('read')).toMatchObject({
    result: ['a', 'd', 'e'],
    failing: false,
    droppedTotal: { permits: 0 },
    damagedTotal: 0,
    events: ['records.spool_failing', 'records.spool_recovered'],
  });
});
