import { createLog } from '@sallyport/shared/log';
import { createAuthority } from '@sallyport/shared/pki/issue';
import { describe, expect, it } from 'vitest';
import { httpsServer } from '../../testing/https-server.ts';
import { createProviders, type ProviderSettings } from './providers.ts';

describe('a provider that was discovered', () => {
  it('is discovered again at once when fewer hosts are named for its endpoints', async () => {
    const authority = await createAuthority({ name: 'test', days: 1 });
    const server = await httpsServer(authority, 'idp.corp.localhost', (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(
        JSON.stringify({
          issuer: server.origin,
          authorization_endpoint: `${server.origin}/authorize`,
          token_endpoint: 'https://oauth2.idp.test/token',
          jwks_uri: `${server.origin}/keys`,
          response_types_supported: ['code'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['ES256'],
          code_challenge_methods_supported: ['S256'],
        }),
      );
    });
    const log = createLog('error');
    const providers = createProviders({ clock: () => Date.now(), log });
    const settings: ProviderSettings = {
      name: 'idp',
      issuer: server.origin,
      clientId: 'sallyport',
      clientSecret: 'a-secret-of-some-length-0123456789',
      scopes: ['openid'],
      claims: {},
      authorities: authority.certificatePem,
      endpointHosts: ['oauth2.idp.test'],
      internalNetworks: ['127.0.0.0/8'],
    };
    const { configuration } = await providers.get(settings);
    expect(configuration.serverMetadata().token_endpoint).toBe('https://oauth2.idp.test/token');
    await expect(providers.get({ ...settings, endpointHosts: [] })).rejects.toMatchObject({
      code: 'provider_unavailable',
    });
    await providers.close();
  });
});
