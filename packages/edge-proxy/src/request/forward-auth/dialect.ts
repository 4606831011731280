import { clientAddressNames } from '@sallyport/shared/http/header-names';
import type { FrontAsker } from '../../state/current.ts';
import { headerName } from '../headers.ts';

/**
 * How a front proxy says what it was asked: each value in one header. A proxy is believed in the
 * headers of its own dialect alone, because those of another it passes on as its clients wrote them.
 */
export interface Dialect {
  readonly method: string;
  readonly host: string;
  readonly target: string;
  readonly scheme: string;
  /** The last entry is the one that the front proxy wrote. */
  readonly source: string;
  /** The certificate that its client showed. Read where the settings let the front proxy say it. */
  readonly certificate: string;
}

export const dialects: Readonly<Record<FrontAsker['dialect'], Dialect>> = {
  nginx: {
    method: 'x-original-method',
    host: 'x-original-host',
    target: 'x-original-uri',
    scheme: 'x-original-scheme',
    source: 'x-original-address',
    certificate: 'x-original-client-certificate',
  },
  'x-forwarded': {
    method: 'x-forwarded-method',
    host: 'x-forwarded-host',
    target: 'x-forwarded-uri',
    scheme: 'x-forwarded-proto',
    source: 'x-forwarded-for',
    certificate: 'client-cert',
  },
};

/** Where a request has been, as proxies on its way say; no application takes a user or a path from it. */
const whereabouts = new Set<string>([
  ...clientAddressNames,
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-forwarded-scheme',
  'x-forwarded-server',
  'x-forwarded-ssl',
]);

/**
 * Whether the client of a front proxy claims what only a trusted hop may: who it is, or that it asks
 * for something else than is judged. What passes through us loses such headers; what passes through
 * another proxy would keep them, so it does not pass. `host`: what the front proxy says it was asked.
 */
export function isClaim(spelling: string, value: string, host: string): boolean {
  const { lower, reserved } = headerName(spelling);
  if (lower === 'x-forwarded-host') return value.toLowerCase() !== host.toLowerCase();
  // RFC 7239 has a host there too, which some applications take for the one they are asked by.
  if (lower === 'forwarded') return /\bhost\s*=/i.test(value);
  return reserved && !whereabouts.has(lower);
}
