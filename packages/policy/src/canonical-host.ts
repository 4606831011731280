/**
 * Host names compared as bytes: one form, ASCII letters, digits and hyphens. International names
 * come as punycode and are not looked into.
 */

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** A name ending so is read as an IPv4 address by URL parsers, in decimal, octal or hex. */
const numericLabel = /^(?:[0-9]+|0x[0-9a-f]*)$/;

/**
 * The canonical form of a host name without its port: lower case, one trailing dot taken off. Null
 * for everything else. Address literals are null as well, in brackets or as numbers: routes are for
 * names, and a request to a bare address has no route.
 */
export function canonicalHost(raw: string): string | null {
  if (raw.length > 254) return null;
  const text = raw.endsWith('.') ? raw.slice(0, -1) : raw;
  // Before lower-casing: the Kelvin sign would become a `k`.
  if (text.length > 253 || !/^[A-Za-z0-9.-]+$/.test(text)) return null;
  const host = text.toLowerCase();
  const labels = host.split('.');
  if (!labels.every((part) => label.test(part))) return null;
  return numericLabel.test(labels[labels.length - 1] ?? '') ? null : host;
}

export type HostPattern =
  | { readonly kind: 'exact'; readonly host: string }
  /** Exactly one label before the suffix. */
  | { readonly kind: 'wildcard'; readonly suffix: string };

/** Reads a route's host, which must be canonical already; null where it is not. */
export function parseHostPattern(text: string): HostPattern | null {
  const wildcard = text.startsWith('*.');
  const name = wildcard ? text.slice(2) : text;
  if (canonicalHost(name) !== name) return null;
  return wildcard ? { kind: 'wildcard', suffix: name } : { kind: 'exact', host: name };
}
