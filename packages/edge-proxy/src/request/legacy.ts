/**
 * Traces of what signed people in before: headers that older proxies say an identity in, and cookies
 * of their sessions. They stand in records by name, never with what they say, so that a migration can
 * be told from its rest. The names are these and no others: a client cannot make up more.
 */

/** Names of headers as they are known, by their folded form (headers.ts). */
const headers = new Map(
  [
    // nginx, Apache, Authelia
    'remote-user',
    'remote-email',
    'remote-name',
    'remote-groups',
    'auth-user',
    'x-remote-user',
    'x-remote-email',
    'x-remote-groups',
    'x-authenticated-user',
    'x-authenticated-groups',
    // oauth2-proxy, Traefik
    'x-forwarded-user',
    'x-forwarded-email',
    'x-forwarded-groups',
    'x-forwarded-preferred-username',
    'x-forwarded-access-token',
    'x-auth-request-user',
    'x-auth-request-email',
    'x-auth-request-groups',
    'x-auth-request-preferred-username',
    'x-auth-request-access-token',
    // Grafana and others
    'x-webauth-user',
    'x-webauth-email',
    'x-webauth-name',
    'x-webauth-groups',
    // Google IAP
    'x-goog-authenticated-user-email',
    'x-goog-authenticated-user-id',
    'x-goog-iap-jwt-assertion',
    // Cloudflare Access
    'cf-access-authenticated-user-email',
    'cf-access-jwt-assertion',
    'cf-access-token',
    // Pomerium
    'x-pomerium-assertion',
    'x-pomerium-jwt-assertion',
    'x-pomerium-claim-email',
    'x-pomerium-claim-groups',
    'x-pomerium-claim-user',
    // AWS load balancers
    'x-amzn-oidc-data',
    'x-amzn-oidc-identity',
    'x-amzn-oidc-accesstoken',
    // Azure App Service
    'x-ms-client-principal',
    'x-ms-client-principal-id',
    'x-ms-client-principal-name',
    'x-ms-token-aad-id-token',
    // SiteMinder
    'sm_user',
    'sm_userdn',
    'sm_universalid',
    'sm_serversessionid',
    // IBM, Oracle
    'iv-user',
    'iv-groups',
    'iv-creds',
    'oam_remote_user',
    'osso-user-dn',
    // Vouch, Authentik
    'x-vouch-user',
    'x-vouch-idp-claims-groups',
    'x-authentik-username',
    'x-authentik-email',
    'x-authentik-groups',
    'x-authentik-jwt',
  ].map((name) => [name.replaceAll('_', '-'), `header:${name}`] as const),
);

/** How names of cookies begin; what follows is a number, a key or nothing. */
const cookies = [
  // oauth2-proxy, Traefik, Pomerium, Vouch, Authelia, Authentik
  '_oauth2_proxy',
  '_forward_auth',
  '_pomerium',
  'VouchCookie',
  'authelia_session',
  'authentik_proxy',
  'authentik_session',
  // Cloudflare Access, AWS load balancers, Google IAP, Azure
  'CF_Authorization',
  'CF_AppSession',
  'AWSELBAuthSessionCookie',
  'GCP_IAP_UID',
  'GCP_IAAP_AUTH_TOKEN',
  'AppServiceAuthSession',
  'AzureAppProxyAccessCookie',
  // Apache
  'mod_auth_openidc_session',
  'mod_auth_openidc_state',
  'MOD_AUTH_CAS',
  '_shibsession',
  // SiteMinder, OpenAM, Oracle, IBM, F5, Citrix
  'SMSESSION',
  'iPlanetDirectoryPro',
  'ObSSOCookie',
  'OAMAuthnCookie',
  'PD-S-SESSION-ID',
  'PD-H-SESSION-ID',
  'LtpaToken2',
  'LtpaToken',
  'MRHSession',
  'NSC_AAAC',
];

/** Names of one record. */
const namesMax = 16;
const cookieNames = new RegExp(
  `(?:^|;)[\\t ]*(?:__Host-|__Secure-)?(${cookies.join('|')})(?![A-Za-z])`,
  'g',
);

const none: readonly string[] = [];

/** What the header is recorded as; null: it is none of these. */
export function legacyHeader(folded: string): string | null {
  return headers.get(folded) ?? null;
}

/** What the cookies of a Cookie header are recorded as. */
export function legacyCookies(header: string): readonly string[] {
  const names = new Set<string>();
  for (const [, name = ''] of header.matchAll(cookieNames)) {
    names.add(`cookie:${name}`);
    if (names.size === namesMax) break;
  }
  return names.size === 0 ? none : [...names];
}

/** All of one request, each once; the same object where there is nothing. */
export function legacyNames(
  fromHeaders: readonly string[] | null,
  fromCookies: readonly string[],
): readonly string[] {
  if (fromHeaders === null) return fromCookies;
  return [...new Set([...fromHeaders, ...fromCookies])].slice(0, namesMax);
}
