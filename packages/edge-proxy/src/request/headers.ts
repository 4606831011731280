import { legacyHeader } from './legacy.ts';

/**
 * What a header name means to us, looked up once per spelling. Names are compared folded, lower
 * case and with a hyphen for whatever is no letter or digit, because CGI-like readers (RFC 3875,
 * section 4.1.18) and those that imitate them cannot tell such names apart.
 */

export interface HeaderName {
  readonly lower: string;
  readonly folded: string;
  /** Ours to say, or a claim that only a trusted hop may make: never taken from either side. */
  readonly reserved: boolean;
  /** Between two neighbours only: RFC 9110, section 7.6.1. */
  readonly hopByHop: boolean;
  /** Goes on to the upstream as it came. What does not is dropped, or written anew by us. */
  readonly passes: boolean;
  /** What an identity of an older proxy is recorded as; null: it is no such header. */
  readonly legacy: string | null;
}

/** Besides the headers of legacy.ts, which say an identity as older proxies do. */
const reservedNames = new Set([
  // forwarding
  'forwarded',
  'x-forwarded',
  'x-original-for',
  'x-original-forwarded-for',
  'x-original-proto',
  'x-original-remote-addr',
  'x-real-ip',
  'x-real-port',
  'x-remote-ip',
  'x-remote-addr',
  'x-remote-port',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-proxyuser-ip',
  'x-originating-ip',
  'x-scheme',
  'x-url-scheme',
  'front-end-https',
  'proxy-client-ip',
  'wl-proxy-client-ip',
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

/** Written by us from what the gate read, or meant for us. */
const rewrittenNames = new Set(['host', 'content-length', 'cookie', 'expect', 'traceparent']);

/** Spellings kept; a client may invent more, which are then looked up each time. */
const spellingsMax = 2000;
const spellingLengthMax = 64;
const spellings = new Map<string, HeaderName>();

/** Knows the header name in the spelling it was sent in. */
export function headerName(spelling: string): HeaderName {
  const known = spellings.get(spelling);
  if (known !== undefined) return known;
  const name = look(spelling);
  if (spellings.size < spellingsMax && spelling.length <= spellingLengthMax) {
    spellings.set(spelling, name);
  }
  return name;
}

function look(spelling: string): HeaderName {
  const lower = spelling.toLowerCase();
  const folded = lower.replace(/[^a-z0-9]/g, '-');
  const legacy = legacyHeader(folded);
  const reserved =
    legacy !== null ||
    reservedNames.has(folded) ||
    reservedFamilies.some((family) => folded.startsWith(family));
  const hopByHop = hopByHopNames.has(folded);
  const passes = !reserved && !hopByHop && !rewrittenNames.has(folded);
  return { lower, folded, reserved, hopByHop, passes, legacy };
}
