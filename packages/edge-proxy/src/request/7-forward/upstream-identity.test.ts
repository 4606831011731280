import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../testing/client.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
  const { port } = edge.upstream;
  const twin = (name: string, upstream: object) => ({
    apiVersion: 'sallyport.dev/v1' as const,
    kind: 'Route' as const,
    metadata: { name },
    spec: {
      match: [{ host: `${name}.fin.test` }],
      policies: ['open'],
      upstream: { url: `https://upstream.corp.localhost:${port}`, ...upstream },
    },
  });
  const documents = testDocuments(edge.pki, port, [
    twin('same', { trustBundle: 'upstreams' }),
    twin('name', { trustBundle: 'upstreams', url: `https://twin.corp.localhost:${port}` }),
    twin('server-name', { trustBundle: 'upstreams', serverName: 'twin.corp.localhost' }),
    twin('trust', {}),
  ]);
  await edge.apply('config', ...edge.configuration(documents));
});
afterAll(() => edge.stop());

describe('an upstream at the address and port of another', () => {
  it.each(['name', 'server-name', 'trust'])(
    'that shows what the other one is known by is not taken for it: by its %s (row 24)',
    async (name) => {
      // A session with the one that it is, and one that was made of it.
      for (const host of ['pub.corp.test', 'same.fin.test', 'pub.corp.test']) {
        expect((await call(edge, { host })).status).toBe(200);
      }
      edge.upstream.forget();
      const response = await call(edge, { host: `${name}.fin.test` });
      expect([response.status, response.body]).toEqual([
        502,
        expect.stringContaining('upstream_untrusted'),
      ]);
      expect(edge.upstream.bytes).toBe('');
    },
  );

  it('shares no connection with it, and no session of TLS (row 24)', async () => {
    await call(edge, { host: 'pub.corp.test' });
    await call(edge, { host: 'same.fin.test' });
    const asked = edge.upstream.connections.filter(({ bytes }) => bytes !== '');
    expect(asked.length).toBeGreaterThan(1);
    for (const { bytes, socket } of asked) {
      expect(new Set([...bytes.matchAll(/^host: (.*)\r$/gim)].map(([, host]) => host)).size).toBe(
        1,
      );
      expect(socket.isSessionReused()).toBe(false);
    }
  });
});
