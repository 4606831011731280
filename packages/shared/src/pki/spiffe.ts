/**
 * The names in our own certificates: `spiffe://<trust domain>/edge/<id>` and `/device/<id>`. Only a
 * certificate from the authority for that kind may be believed when it carries one.
 */

const trustDomain = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const segment = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;

/** Whether the text can be a trust domain: a DNS name in lower case. */
export function isTrustDomain(text: string): boolean {
  return text.length <= 253 && trustDomain.test(text);
}

/**
 * Whether the text is a SPIFFE ID that names somebody: a trust domain and a path (SPIFFE-ID, sections
 * 2.1 to 2.3), not longer than 2,048 bytes.
 */
export function isSpiffeId(text: string): boolean {
  const [, domain = '', path = ''] = /^spiffe:\/\/([^/]*)(\/.*)$/s.exec(text) ?? [];
  const segments = path.split('/').slice(1);
  return (
    text.length <= 2_048 &&
    domain.length <= 255 &&
    /^[a-z0-9._-]+$/.test(domain) &&
    segments.length > 0 &&
    segments.every((one) => /^[A-Za-z0-9._-]+$/.test(one) && one !== '.' && one !== '..')
  );
}

/** The URI of an edge. Throws a TypeError for a trust domain or id that cannot be in one. */
export function spiffeEdgeUri(domain: string, edgeId: string): string {
  return format(domain, 'edge', edgeId);
}

/** The edge's id, if the URI is that of an edge of this trust domain. */
export function parseSpiffeEdgeUri(uri: string, domain: string): string | null {
  return parse(uri, domain, 'edge');
}

/** The URI of a device. Throws a TypeError for a trust domain or id that cannot be in one. */
export function deviceUri(domain: string, deviceId: string): string {
  return format(domain, 'device', deviceId);
}

/** The device's id, if the URI is that of a device of this trust domain. */
export function parseDeviceUri(uri: string, domain: string): string | null {
  return parse(uri, domain, 'device');
}

/** The edge that a certificate names; null unless exactly one URI stands in it and is an edge's. */
export function edgeIdOf(
  certificate: { readonly uris: readonly string[] },
  domain: string,
): string | null {
  const [uri, ...more] = certificate.uris;
  return uri === undefined || more.length > 0 ? null : parseSpiffeEdgeUri(uri, domain);
}

/** The device that a certificate names; null unless exactly one URI stands in it and is a device's. */
export function deviceIdOf(
  certificate: { readonly uris: readonly string[] },
  domain: string,
): string | null {
  const [uri, ...more] = certificate.uris;
  return uri === undefined || more.length > 0 ? null : parseDeviceUri(uri, domain);
}

function format(domain: string, kind: string, id: string): string {
  if (!isTrustDomain(domain)) throw new TypeError(`not a trust domain: ${domain}`);
  if (!segment.test(id)) throw new TypeError(`not an id: ${id}`);
  return `spiffe://${domain}/${kind}/${id}`;
}

function parse(uri: string, domain: string, kind: string): string | null {
  const prefix = `spiffe://${domain}/${kind}/`;
  const id = uri.startsWith(prefix) ? uri.slice(prefix.length) : '';
  return segment.test(id) ? id : null;
}
