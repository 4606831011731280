const usualPort = '443';

/**
 * Adds the header lines that say how a request came to this edge: `X-Forwarded-*`, and `Forwarded`
 * (RFC 7239). They say what this edge knows itself and begin with it. What clients and front proxies
 * wrote has been taken out and is not continued: a list whose older part anybody may have made up is
 * read wrongly sooner or later. `authority`: canonical, with the port where it is not 443.
 */
export function pushForwarded(lines: string[], sourceAddress: string, authority: string): void {
  const colon = authority.indexOf(':');
  // A colon is no part of a token: RFC 7239, section 4.
  const host = colon < 0 ? authority : `"${authority}"`;
  const source = sourceAddress.includes(':') ? `"[${sourceAddress}]"` : sourceAddress;
  lines.push(
    'X-Forwarded-For',
    sourceAddress,
    'X-Forwarded-Proto',
    'https',
    'X-Forwarded-Host',
    authority,
    'X-Forwarded-Port',
    colon < 0 ? usualPort : authority.slice(colon + 1),
    'Forwarded',
    `for=${source};host=${host};proto=https`,
  );
}
