import fastify from 'fastify';
import { expect, test } from 'vitest';
import { routeNameOf } from './route-name.ts';

test('a route is named as the documentation names it', async () => {
  const app = fastify();
  const names: string[] = [];
  app.addHook('onResponse', async (request) => {
    names.push(routeNameOf(request));
  });
  for (const url of ['/v1/edges::join-token', '/v1/edges/:id']) app.get(url, async () => 'ok');
  for (const url of ['/v1/edges:join-token', '/v1/edges/edg_1', '/nowhere']) await app.inject(url);
  await app.close();
  expect(names).toEqual(['/v1/edges:join-token', '/v1/edges/:id', 'none']);
});
