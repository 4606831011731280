import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import { isIP } from 'node:net';
import type { Network } from '@sallyport/policy';
import { addressAllowed } from './internal.ts';

/**
 * Functions for the `lookup` option of net, tls and undici. The address that is checked here is the
 * one that is connected to, so a name that resolves to something else the next time gains nothing.
 * Node never calls a lookup for an address literal: use `hostAllowed` before connecting to a URL
 * that somebody else wrote.
 */

export type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

export type Lookup = (hostname: string, options: LookupOptions, callback: LookupCallback) => void;

/** The name resolves to nothing but addresses that the settings do not open. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';
  readonly code = 'ERR_SALLYPORT_ADDRESS_REFUSED';
  readonly hostname: string;

  constructor(hostname: string) {
    super(`${hostname} is in an internal network that the settings do not list`);
    this.hostname = hostname;
  }
}

/** Maps `localhost` and all names under it to 127.0.0.1, which Node's resolver does not. */
export const localhostLookup: Lookup = (hostname, options, callback) => {
  if (isLocalhost(hostname)) answerLocalhost(hostname, options, callback);
  else systemLookup(hostname, options, callback);
};

/**
 * Answers as `resolve` does, but only with addresses that `addressAllowed` lets through; each answer
 * is looked at anew.
 */
export function guardedLookup(
  internal: readonly Network[],
  resolve: Lookup = localhostLookup,
): Lookup {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, answer) => {
      if (error !== null) {
        callback(error, '', 0);
        return;
      }
      const addresses = Array.isArray(answer) ? answer : [];
      const allowed = addresses.filter(({ address }) => addressAllowed(address, internal));
      const [first] = allowed;
      if (first === undefined) callback(new AddressRefusedError(hostname), '', 0);
      else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

/**
 * Whether a URL's host may be connected to, as far as it can be told without a lookup: an address
 * literal (brackets or not) must be allowed, any other name is left to `guardedLookup`.
 */
export function hostAllowed(hostname: string, internal: readonly Network[]): boolean {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return isIP(bare) === 0 || addressAllowed(bare, internal);
}

/** Whether the name is `localhost` or below it (RFC 6761, 6.3). */
export function isLocalhost(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '');
  return name === 'localhost' || name.endsWith('.localhost');
}

function answerLocalhost(hostname: string, options: LookupOptions, callback: LookupCallback): void {
  // Like the system's, it never calls back before it has returned.
  process.nextTick(() => {
    if (options.family === 6 || options.family === 'IPv6') {
      const error: NodeJS.ErrnoException = new Error(`no IPv6 address for ${hostname}`);
      error.code = 'ENOTFOUND';
      callback(error, '', 0);
    } else if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
    else callback(null, '127.0.0.1', 4);
  });
}
