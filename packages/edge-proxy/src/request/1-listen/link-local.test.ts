import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawClient } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';
import { withListener } from '../testing/listener-settings.ts';

/** A link-local address of this machine and the interface that it is of. */
const [own] = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
  addresses
    .filter(({ address }) => address.startsWith('fe80:'))
    .map(({ address }) => ({ name, address })),
);

describe.skipIf(own === undefined)('a client with a link-local address', () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await TestEdge.start({ host: '::' });
    const connections = { perAddress: 1 };
    await edge.apply('config', ...edge.configuration(withListener(edge, { connections })));
  });
  afterAll(() => edge.stop());

  const connect = () =>
    RawClient.connect(edge, 'pub.corp.test', edge.laptop, {
      host: `${own?.address}%${own?.name}`,
    });

  it('is served as any other, known by its address without the zone, and held to its share', async () => {
    const client = await connect();
    client.send('GET / HTTP/1.1\r\nHost: pub.corp.test\r\n\r\n');
    expect((await client.response()).status).toBe(200);
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({ outcome: 'permit', sourceAddress: own?.address });
    expect(edge.upstream.bytes).toMatch(
      new RegExp(`^x-forwarded-for: ${own?.address ?? ''}\\r$`, 'im'),
    );
    await expect(connect()).rejects.toThrow();
    expect(edge.worker.refusedConnections().address).toBe(1);
    client.close();
  });
});
