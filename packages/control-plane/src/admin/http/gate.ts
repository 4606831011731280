import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { SallyportError } from '@sallyport/shared/errors';
import type { FastifyRequest } from 'fastify';
import { isStorable } from './body.ts';
import { notFound } from './problems.ts';

/**
 * What every request passes first. A path is matched byte for byte, so one with escapes, doubled
 * slashes or dots is no path of ours. Browsers have no business here yet: a request with an Origin
 * is a page's, not a person's.
 */
export function gate(request: FastifyRequest, isOurHost: (host: string) => boolean): void {
  refuseOddHeaders(request.raw.rawHeaders);
  const [path = '', ...query] = (request.raw.url ?? '').split('?');
  if (!/^\/[A-Za-z0-9._~:/-]*$/.test(path) || /\/\/|\/\.{1,2}(\/|$)/.test(path)) throw notFound();
  if (query.length > 1 || !isReadableQuery(query[0] ?? '')) {
    throw new SallyportError('invalid_request', 'the query cannot be read');
  }
  if (request.headers.origin !== undefined) {
    throw new SallyportError('forbidden', 'requests of web pages are not answered');
  }
  if (!isOurHost(request.headers.host ?? '')) {
    throw new SallyportError('invalid_request', 'the Host header does not name this server');
  }
}

const headersMax = 100;
/** Headers whose second line another reader could take for the first. */
const singular = new Set([
  'authorization',
  'content-length',
  'content-type',
  'host',
  'idempotency-key',
  'origin',
]);

function refuseOddHeaders(rawHeaders: readonly string[]): void {
  if (rawHeaders.length > headersMax * 2) {
    throw new SallyportError('invalid_request', 'there are too many headers');
  }
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const twice = names.find((name, index) => singular.has(name) && names.indexOf(name) !== index);
  if (twice !== undefined) throw new SallyportError('invalid_request', `${twice} is there twice`);
}

function isReadableQuery(query: string): boolean {
  try {
    return isStorable(decodeURIComponent(query.replaceAll('+', ' ')));
  } catch {
    return false;
  }
}

/** Whether a Host header names the server, going by the names in its own certificate. */
export function hostsOf(certificatePem: string): (host: string) => boolean {
  const certificate = new X509Certificate(certificatePem);
  return (header) => {
    const [, ipv6, name] =
      /^(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9.-]+))(?::\d{1,5})?$/.exec(header) ?? [];
    const host = ipv6 ?? name ?? '';
    if (host === '') return false;
    return isIP(host) === 0
      ? certificate.checkHost(host) !== undefined
      : certificate.checkIP(host) !== undefined;
  };
}
