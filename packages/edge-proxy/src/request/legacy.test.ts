import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { legacyCookies } from './legacy.ts';
import { call } from './testing/client.ts';
import { TestEdge } from './testing/edge.ts';

let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());

async function recorded(headers: readonly string[], more = ''): Promise<readonly string[]> {
  expect((await call(edge, { cookie: `${cookie}${more}`, headers })).status).toBe(200);
  await expect.poll(() => edge.records.all.length).toBe(1);
  expect(JSON.stringify(edge.records.all)).not.toContain('secret');
  return edge.records.all[0]?.legacy ?? ['no record'];
}

it('identities and sessions of older proxies are recorded by name, and their headers go no further', async () => {
  const headers = [
    'Remote-User: secret',
    'X-Forwarded-Email: secret',
    'x-auth-request-preferred-username: secret',
    'X_WEBAUTH_USER: secret',
    'X-Goog-Authenticated-User-Email: secret',
    'Cf-Access-Jwt-Assertion: secret',
    'X-Pomerium-Claim-Email: secret',
    'X-Amzn-Oidc-Data: secret',
    'SM_USER: secret',
    'remote.user: secret',
  ];
  expect(await recorded(headers, '; _oauth2_proxy_1=secret; a=b; SMSESSION=secret')).toEqual([
    'header:remote-user',
    'header:x-forwarded-email',
    'header:x-auth-request-preferred-username',
    'header:x-webauth-user',
    'header:x-goog-authenticated-user-email',
    'header:cf-access-jwt-assertion',
    'header:x-pomerium-claim-email',
    'header:x-amzn-oidc-data',
    'header:sm_user',
    'cookie:_oauth2_proxy',
    'cookie:SMSESSION',
  ]);
  expect(edge.upstream.bytes.match(/^[^:\r\n]+: secret/gim)).toBeNull();
  // The application may still need its cookies.
  expect(edge.upstream.bytes).toContain('_oauth2_proxy_1=secret; a=b; SMSESSION=secret');
});

it('a request without any has none recorded', async () => {
  expect(await recorded(['X-Anything: 1'], '; theme=dark')).toEqual([]);
});

it.each([
  ['_oauth2_proxy=a; _oauth2_proxy_0=b; _oauth2_proxy_csrf=c', ['_oauth2_proxy']],
  ['__Host-_oauth2_proxy=a;CF_Authorization=b', ['_oauth2_proxy', 'CF_Authorization']],
  ['AWSELBAuthSessionCookie-0=a', ['AWSELBAuthSessionCookie']],
  [
    'mod_auth_openidc_session=a; _shibsession_64656661=b',
    ['mod_auth_openidc_session', '_shibsession'],
  ],
  ['LtpaToken2=a; LtpaToken=b', ['LtpaToken2', 'LtpaToken']],
  ['smsession=a; xSMSESSION=b; SMSESSIONS=c; a=SMSESSION; b=_pomerium', []],
  ['', []],
])('cookies are told by the beginning of their names: %s', (header, names) => {
  expect(legacyCookies(header)).toEqual(names.map((name) => `cookie:${name}`));
});
