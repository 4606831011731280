import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { parseNetwork } from '@sallyport/policy';
import { createAuthority } from '@sallyport/shared/pki/issue';
import { describe, expect, it } from 'vitest';
import { httpsServer } from '../../testing/https-server.ts';
import { createProviderFetch } from './fetch.ts';

const loopback = [parseNetwork('127.0.0.0/8')].filter((network) => network !== null);
const options = { method: 'GET', headers: {}, redirect: 'manual', body: undefined } as const;

async function provider() {
  const authority = await createAuthority({ name: 'test', days: 1 });
  let asked = 0;
  const server = await httpsServer(authority, 'idp.corp.localhost', (_, response) => {
    asked += 1;
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  return { server, authorities: authority.certificatePem, asked: () => asked };
}

describe('the way to an identity provider (rows 127, 128)', () => {
  it('is open to a host whose address the settings list, with the trust bundle alone', async () => {
    const { server, authorities } = await provider();
    const { fetch, close } = createProviderFetch({ authorities, internal: loopback });
    expect((await fetch(server.origin, options)).status).toBe(200);
    await close();
    const other = createProviderFetch({ authorities: null, internal: loopback });
    await expect(other.fetch(server.origin, options)).rejects.toMatchObject({
      code: 'provider_unavailable',
    });
    await other.close();
  });

  it('is closed to internal addresses that are not listed, by name or as a literal', async () => {
    const { server, authorities, asked } = await provider();
    const { fetch, close } = createProviderFetch({ authorities, internal: [] });
    const { port } = new URL(server.origin);
    const hosts = [
      'idp.corp.localhost',
      '127.0.0.1',
      '[::1]',
      '[::ffff:7f00:1]',
      '169.254.169.254',
    ];
    for (const host of hosts) {
      await expect(fetch(`https://${host}:${port}/`, options), host).rejects.toMatchObject({
        code: 'provider_unavailable',
      });
    }
    expect(asked()).toBe(0);
    await close();
  });

  it('is closed to anything but https', async () => {
    const plain = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const { port } = plain.address() as AddressInfo;
    const { fetch, close } = createProviderFetch({ authorities: null, internal: loopback });
    for (const scheme of ['http', 'ftp']) {
      await expect(fetch(`${scheme}://127.0.0.1:${port}/`, options)).rejects.toMatchObject({
        code: 'provider_unavailable',
      });
    }
    await close();
    plain.close();
  });
});
