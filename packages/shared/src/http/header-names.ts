import { legacyHeaders } from './legacy-headers.ts';

/**
 * What header names mean to edges, whoever sends them. Names are compared folded, lower case and with
 * a hyphen for whatever is no letter or digit, because CGI-like readers (RFC 3875, section 4.1.18) and
 * those that imitate them cannot tell such names apart.
 */

/** The form in which names are compared. */
export function foldedHeader(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-');
}

/** Where a request came from, as the proxies of many say it of its client. */
export const clientAddressNames = [
  'x-real-ip',
  'x-real-port',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'cf-pseudo-ipv4',
  'fastly-client-ip',
  'fly-client-ip',
  'do-connecting-ip',
  'x-azure-clientip',
  'x-azure-socketip',
  'x-appengine-user-ip',
  'x-envoy-external-address',
] as const;

/** Besides the headers of legacy-headers.ts, which say an identity as older proxies do. */
const reservedNames = new Set([
  // forwarding
  'forwarded',
  'x-forwarded',
  'x-original-for',
  'x-original-forwarded-for',
  'x-original-proto',
  'x-original-remote-addr',
  'x-remote-ip',
  'x-remote-addr',
  'x-remote-port',
  'x-proxyuser-ip',
  'x-originating-ip',
  'x-scheme',
  'x-url-scheme',
  'front-end-https',
  'proxy-client-ip',
  'wl-proxy-client-ip',
  ...clientAddressNames,
  // client certificates (RFC 9440 and what came before)
  'client-cert',
  'client-cert-chain',
  'x-client-cert',
  'x-client-certificate',
  'x-arr-clientcert',
  // another host, method or address than the one decided on
  'x-host',
  'x-original-host',
  'x-http-host-override',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-url',
  'x-original-uri',
  'x-original-method',
  'x-rewrite-url',
  'x-envoy-original-host',
  'x-envoy-original-path',
  // httpoxy
  'proxy',
]);
const reservedFamilies = [
  'sallyport-',
  'x-sallyport-',
  'forwarded-',
  'x-forwarded-',
  'x-client-cert-',
  'x-ssl-',
  'x-tls-client-',
  'ssl-client-',
  'x-auth-request-',
  'x-webauth-',
  'x-goog-authenticated-user-',
  'cf-access-',
  'x-pomerium-',
  'x-amzn-oidc-',
  'x-ms-client-principal',
  'x-ms-token-',
  'x-authentik-',
  'x-vouch-',
];
const hopByHopNames = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Ours to say, or a claim that only a trusted hop may make: never taken from either side. */
export function isReservedHeader(folded: string): boolean {
  return (
    legacyHeaders.has(folded) ||
    reservedNames.has(folded) ||
    reservedFamilies.some((family) => folded.startsWith(family))
  );
}

/** Between two neighbours only: RFC 9110, section 7.6.1. */
export function isHopByHopHeader(folded: string): boolean {
  return hopByHopNames.has(folded);
}
