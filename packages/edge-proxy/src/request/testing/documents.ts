import {
  apiVersion,
  builtInDeviceBundle,
  type ConfigurationDocument,
} from '@sallyport/shared/configuration/documents';
import type { TestPki } from './pki.ts';

export const signInHost = 'signin.corp.test';

/**
 * `app` for employees on known devices, `reports` on another domain for the same people, `admin` for
 * admins with a fresh sign-in, `strong` for hardware keys, `pub` and `reader` for everyone.
 */
export function testDocuments(
  pki: TestPki,
  upstreamPort: number,
  more: readonly ConfigurationDocument[] = [],
): ConfigurationDocument[] {
  const upstream = {
    url: `https://upstream.corp.localhost:${upstreamPort}`,
    trustBundle: 'upstreams',
  };
  const route = (
    name: string,
    host: string,
    policies: string[],
    spec: object = {},
  ): ConfigurationDocument => ({
    apiVersion,
    kind: 'Route',
    metadata: { name },
    spec: { match: [{ host }], policies, upstream, ...spec },
  });
  return [
    {
      apiVersion,
      kind: 'Settings',
      metadata: { name: 'default' },
      spec: {
        signIn: { host: signInHost, identityProvider: 'corp' },
        network: { internal: ['127.0.0.0/8'] },
      },
    },
    {
      apiVersion,
      kind: 'IdentityProvider',
      metadata: { name: 'corp' },
      spec: { issuer: 'https://idp.corp.test', clientId: 'edge', clientSecret: 'corp-secret' },
    },
    {
      apiVersion,
      kind: 'TrustBundle',
      metadata: { name: builtInDeviceBundle },
      spec: { use: ['device'], certificates: pki.device.certificatePem },
    },
    {
      apiVersion,
      kind: 'TrustBundle',
      metadata: { name: 'upstreams' },
      spec: { use: ['upstream'], certificates: pki.upstream.certificatePem },
    },
    {
      apiVersion,
      kind: 'Policy',
      metadata: { name: 'staff' },
      spec: { allow: [{ name: 'members', groups: ['employees'], device: { known: true } }] },
    },
    {
      apiVersion,
      kind: 'Policy',
      metadata: { name: 'admins' },
      spec: {
        allow: [{ name: 'admins', groups: ['admins'], device: { managed: true } }],
        stepUp: [{ name: 'fresh', require: { maxAge: '5m' } }],
      },
    },
    {
      apiVersion,
      kind: 'Policy',
      metadata: { name: 'strong' },
      spec: {
        allow: [{ name: 'anyone-signed-in', device: { known: true } }],
        stepUp: [{ name: 'hardware', require: { amr: ['hwk'] } }],
      },
    },
    {
      apiVersion,
      kind: 'Policy',
      metadata: { name: 'open' },
      spec: { allow: [{ name: 'anyone', anonymous: true }] },
    },
    route('app', 'app.corp.test', ['staff'], {
      identity: { groups: ['employees', 'admins'] },
      webSocket: { origins: ['https://partner.corp.test'] },
    }),
    route('reports', 'reports.fin.test', ['staff'], { audience: 'reports' }),
    route('admin', 'admin.corp.test', ['admins']),
    route('strong', 'strong.corp.test', ['strong']),
    route('pub', 'pub.corp.test', ['open']),
    route('reader', 'reader.corp.test', ['open'], {
      match: [{ host: 'reader.corp.test', methods: ['GET', 'HEAD'] }],
    }),
    ...more,
  ];
}
