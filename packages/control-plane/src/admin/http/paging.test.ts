import { beforeAll, expect, test } from 'vitest';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';

let admin: TestAdmin;
const made: string[] = [];
beforeAll(async () => {
  admin = await testAdmin();
  for (let index = 0; index < 7; index += 1) {
    const { body } = await admin.send('POST', '/v1/devices', { body: { name: `d${index}` } });
    made.push(body.id);
  }
});

async function pages(limit: number): Promise<string[][]> {
  const found: string[][] = [];
  let cursor: string | null = null;
  do {
    const from: string = cursor === null ? '' : `&cursor=${cursor}`;
    const { body } = await admin.send('GET', `/v1/devices?limit=${limit}${from}`);
    found.push(body.items.map((item: { id: string }) => item.id));
    cursor = body.nextCursor;
  } while (cursor !== null);
  return found;
}

test('pages give every row once, newest first, and the last one says so', async () => {
  const newestFirst = made.toReversed();
  for (const limit of [1, 2, 3, 6, 7, 8]) {
    const found = await pages(limit);
    expect(found.flat()).toEqual(newestFirst);
    expect(found.every((page) => page.length <= limit)).toBe(true);
    expect(found).toHaveLength(Math.ceil(made.length / limit));
  }
});

test('rows that come in between do not move the pages after', async () => {
  const first = await admin.send('GET', '/v1/devices?limit=3');
  const { body: late } = await admin.send('POST', '/v1/devices', { body: { name: 'late' } });
  const second = await admin.send('GET', `/v1/devices?limit=3&cursor=${first.body.nextCursor}`);
  const ids = [...first.body.items, ...second.body.items].map((item: { id: string }) => item.id);
  expect(ids).toEqual(made.toReversed().slice(0, 6));
  await admin.send('DELETE', `/v1/devices/${late.id}`);
});

test('filters hold on every page', async () => {
  const { body } = await admin.send('GET', '/v1/devices?search=D3&limit=1');
  expect(body).toMatchObject({ items: [{ name: 'd3' }], nextCursor: null });
});
