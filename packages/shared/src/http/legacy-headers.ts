/**
 * Headers that older proxies say an identity in: by the folded form of their names (header-names.ts),
 * what they are recorded as.
 */
export const legacyHeaders: ReadonlyMap<string, string> = new Map(
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
