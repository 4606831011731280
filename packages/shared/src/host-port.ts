import { isIP } from 'node:net';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const hostPort = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/;

/** `host:port` or `[IPv6]:port`; null where the text is neither. */
export function parseHostPort(text: string): HostPort | null {
  const match = hostPort.exec(text);
  if (match === null) return null;
  const [, ipv6, name, digits] = match;
  if (ipv6 !== undefined && isIP(ipv6) !== 6) return null;
  const port = Number(digits);
  return port > 65_535 ? null : { host: (ipv6 ?? name ?? '').toLowerCase(), port };
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
