import { apiVersion, type ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import type { Egress } from '@sallyport/shared/network/egress';
import { writeCityMmdb } from '@sallyport/shared/testing/mmdb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SharedPlaces } from '../../places/place-file.ts';
import { RawClient } from '../testing/client.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';

/** Route `<name>.fin.test`, open to everyone for whom the condition holds. */
function open(port: number, name: string, condition: object): ConfigurationDocument[] {
  const url = `https://upstream.corp.localhost:${port}`;
  const upstream = { url, trustBundle: 'upstreams' };
  const allow = [{ name: 'here', anonymous: true, ...condition }];
  const spec = { match: [{ host: `${name}.fin.test` }], policies: [name], upstream };
  return [
    { apiVersion, kind: 'Policy', metadata: { name }, spec: { allow } },
    { apiVersion, kind: 'Route', metadata: { name }, spec },
  ] as ConfigurationDocument[];
}

/** Data in which two networks are in two countries. */
function data(): SharedPlaces {
  const file = writeCityMmdb([
    { network: '198.51.100.0/24', country: 'DE' },
    { network: '203.0.113.0/24', country: 'FR' },
  ]);
  const bytes = new SharedArrayBuffer(file.length);
  new Uint8Array(bytes).set(file);
  return { city: [{ bytes }], asn: [] };
}

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());

/** With a way out named `office` that has this network, behind a front proxy on this machine. */
async function configure(network: string): Promise<void> {
  const { port } = edge.upstream;
  const frontProxies = [{ networks: ['127.0.0.0/8'], protocol: 'x-forwarded-for' as const }];
  const egress: Egress[] = [{ name: 'office', kind: 'office', networks: [network] }];
  const documents = testDocuments(edge.pki, port, [
    ...open(port, 'inside', { egress: ['office'] }),
    ...open(port, 'home', { countries: ['DE'] }),
  ]).map((document) =>
    document.kind === 'Settings'
      ? {
          ...document,
          spec: { ...document.spec, network: { ...document.spec.network, egress, frontProxies } },
        }
      : document,
  );
  await edge.apply('config', ...edge.configuration(documents));
}

/** An address of which the data know nothing. */
const nowhere = '192.0.2.7';

async function ask(client: RawClient, name: string, from = nowhere): Promise<number> {
  client.send(`GET / HTTP/1.1\r\nHost: ${name}.fin.test\r\nX-Forwarded-For: ${from}\r\n\r\n`);
  return (await client.response()).status;
}

describe('the place of a request', () => {
  it('follows the settings, on one connection, and stands in the record', async () => {
    await configure('192.0.2.0/24');
    const client = await RawClient.connect(edge, 'inside.fin.test');
    expect(await ask(client, 'inside')).toBe(200);
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]?.facts?.place).toEqual({
      country: null,
      region: null,
      asn: null,
      egress: 'office',
    });
    await configure('198.51.100.0/24');
    expect(await ask(client, 'inside')).toBe(403);
    await expect.poll(() => edge.records.all.length).toBe(2);
    expect(edge.records.all[1]).toMatchObject({
      reasons: ['place_other'],
      facts: { place: { egress: '' } },
    });
  });

  it('row 129: is not known for an address that has none, and fits no country', async () => {
    edge.records.all.length = 0;
    const client = await RawClient.connect(edge, 'home.fin.test');
    expect(await ask(client, 'home')).toBe(403);
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({
      reasons: ['fact_missing'],
      facts: { place: { country: null } },
    });
  });

  it('row 129: is that of each request, where a front proxy has many on one connection', async () => {
    const client = await RawClient.connect(edge, 'home.fin.test');
    expect(await ask(client, 'home', '198.51.100.7')).toBe(403);
    await edge.places.use(data());
    expect(await ask(client, 'home', '198.51.100.7')).toBe(200);
    expect(await ask(client, 'home', '203.0.113.7')).toBe(403);
    // What the client wrote itself stands before what the front proxy added.
    expect(await ask(client, 'home', '198.51.100.7, 203.0.113.7')).toBe(403);
    expect(await ask(client, 'home', '::ffff:198.51.100.7')).toBe(200);
    expect(await ask(client, 'home')).toBe(403);
  });

  it('ends what is under way where it is not allowed any more', async () => {
    await configure('192.0.2.0/24');
    edge.upstream.script = () =>
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n';
    const client = await RawClient.connect(edge, 'inside.fin.test');
    client.send(
      `GET /download HTTP/1.1\r\nHost: inside.fin.test\r\nX-Forwarded-For: ${nowhere}\r\n\r\n`,
    );
    await client.until(/part\r\n/);
    await configure('198.51.100.0/24');
    await client.closed();
  });
});
