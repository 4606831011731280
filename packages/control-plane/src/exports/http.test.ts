import { parseNetwork } from '@sallyport/policy';
import { createAuthority } from '@sallyport/shared/pki/issue';
import { expect, it } from 'vitest';
import { httpsServer } from '../testing/https-server.ts';
import { createPoster } from './http.ts';

const { signal } = new AbortController();

it('goes to no internal address that the settings do not list, by name or as a literal', async () => {
  const authority = await createAuthority({ name: 'test', days: 1 });
  let asked = 0;
  const { origin } = await httpsServer(authority, 'hook.corp.localhost', (_, response) => {
    asked += 1;
    response.writeHead(204).end();
  });
  const { port } = new URL(origin);
  const posterTo = (host: string, networks: readonly string[]) =>
    createPoster({
      url: `https://${host}:${port}/x?y=1`,
      authorities: authority.certificatePem,
      internal: networks.map(parseNetwork).filter((network) => network !== null),
      timeoutMs: 5_000,
    });
  for (const host of ['hook.corp.localhost', '127.0.0.1', '[::1]', '[::ffff:127.0.0.1]']) {
    const poster = posterTo(host, ['10.0.0.0/8']);
    await expect(poster.post({}, '{}', signal), host).rejects.toThrow(
      /ERR_SALLYPORT_ADDRESS_REFUSED|in no network of Settings/,
    );
    await poster.close();
  }
  expect(asked).toBe(0);
  const poster = posterTo('hook.corp.localhost', ['127.0.0.0/8']);
  expect(await poster.post({}, '{}', signal)).toEqual({
    status: 204,
    retryAfterMs: null,
    body: '',
  });
  await poster.close();
});
