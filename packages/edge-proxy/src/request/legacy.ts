/**
 * Traces of what signed people in before: headers that older proxies say an identity in (in shared,
 * http/legacy-headers.ts), and cookies of their sessions. They stand in records by name, never with
 * what they say, so that a migration can be told from its rest. The names are these and no others: a
 * client cannot make up more.
 */

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
const cookieName = `[\\t ]*(?:__Host-|__Secure-)?(${cookies.join('|')})(?![A-Za-z])`;
const cookieNames = new RegExp(`(?:^|;)${cookieName}`, 'g');
const familyOf = new RegExp(`^${cookieName}`);

const none: readonly string[] = [];

/** What the cookies of a Cookie header are recorded as. */
export function legacyCookies(header: string): readonly string[] {
  const names = new Set<string>();
  for (const [, name = ''] of header.matchAll(cookieNames)) {
    names.add(`cookie:${name}`);
    if (names.size === namesMax) break;
  }
  return names.size === 0 ? none : [...names];
}

/** The family of such cookies that takes up most of a Cookie header; null: there is none. */
export function largestCookies(
  header: string,
): { readonly name: string; readonly bytes: number } | null {
  const bytesOf = new Map<string, number>();
  for (const cookie of header.split(';')) {
    const family = legacyFamily(cookie);
    if (family !== null) bytesOf.set(family, (bytesOf.get(family) ?? 0) + cookie.length);
  }
  let largest = null;
  for (const [name, bytes] of bytesOf) {
    if (largest === null || bytes > largest.bytes) largest = { name, bytes };
  }
  return largest;
}

/** Which of these a cookie is, spaces before it left aside; null: none of them. */
export function legacyFamily(cookie: string): string | null {
  return familyOf.exec(cookie)?.[1] ?? null;
}

/** All of one request, each once; the same object where there is nothing. */
export function legacyNames(
  fromHeaders: readonly string[] | null,
  fromCookies: readonly string[],
): readonly string[] {
  if (fromHeaders === null) return fromCookies;
  return [...new Set([...fromHeaders, ...fromCookies])].slice(0, namesMax);
}
