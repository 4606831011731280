import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { parseNetwork } from '@sallyport/policy';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressAllowed, isInternalAddress } from './internal.ts';
import { guardedLookup, hostAllowed, type Lookup, localhostLookup } from './lookup.ts';

const networks = (...cidrs: string[]) =>
  cidrs.map(parseNetwork).filter((network) => network !== null);

describe('an address', () => {
  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.1',
    '192.0.2.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001:db8::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fec0::1',
    'ff02::1',
    '4000::1',
    'fe80::1%eth0',
    '127.1',
    '0177.0.0.1',
    '2130706433',
    'localhost',
    '',
  ])('%j is internal', (address) => {
    expect(isInternalAddress(address)).toBe(true);
  });

  it.each(['1.1.1.1', '8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])(
    '%s is not internal',
    (address) => {
      expect(isInternalAddress(address)).toBe(false);
    },
  );

  it('is allowed when it is public or a network that holds it is listed', () => {
    const listed = networks('127.0.0.0/8', 'fd00::/8');
    expect(addressAllowed('127.0.0.1', listed)).toBe(true);
    expect(addressAllowed('::ffff:127.0.0.1', listed)).toBe(true);
    expect(addressAllowed('fd00::1', listed)).toBe(true);
    expect(addressAllowed('10.0.0.1', listed)).toBe(false);
    expect(addressAllowed('::1', listed)).toBe(false);
    expect(addressAllowed('8.8.8.8', [])).toBe(true);
    expect(addressAllowed('nonsense', networks('0.0.0.0/0', '::/0'))).toBe(false);
  });
});

describe('a lookup', () => {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).resume());
  let port = 0;
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    port = address.port;
  });
  afterAll(() => server.close());

  const dial = async (host: string, lookup: Lookup, family?: 4 | 6): Promise<string> => {
    const socket: Socket = connect({
      host,
      port,
      lookup,
      ...(family === undefined ? {} : { family }),
    });
    try {
      await once(socket, 'connect');
      return socket.remoteAddress ?? '';
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    } finally {
      socket.destroy();
    }
  };

  it('takes localhost and the names under it to 127.0.0.1', async () => {
    expect(await dial('wiki.corp.localhost', localhostLookup)).toBe('127.0.0.1');
    expect(await dial('LOCALHOST.', localhostLookup)).toBe('127.0.0.1');
    expect(await dial('a.localhost', localhostLookup, 4)).toBe('127.0.0.1');
    expect(await dial('a.localhost', localhostLookup, 6)).toBe('ENOTFOUND');
    expect(await dial('localhost.invalid', localhostLookup)).toMatch(/^E(NOTFOUND|AI_AGAIN)$/);
  });

  it('refuses at the moment of connecting what the settings do not list', async () => {
    const refused = 'ERR_SALLYPORT_ADDRESS_REFUSED';
    expect(await dial('a.localhost', guardedLookup([]))).toBe(refused);
    expect(await dial('a.localhost', guardedLookup(networks('10.0.0.0/8')))).toBe(refused);
    expect(await dial('a.localhost', guardedLookup(networks('127.0.0.0/8')))).toBe('127.0.0.1');
    expect(await dial('a.localhost', guardedLookup(networks('127.0.0.0/8')), 4)).toBe('127.0.0.1');
  });

  it('refuses names that are addresses in other spellings', async () => {
    // The resolver of the system takes these for 127.0.0.1.
    for (const host of ['127.1', '2130706433', '0x7f.1', '0']) {
      expect(await dial(host, guardedLookup([]))).toMatch(
        /^E(RR_SALLYPORT_ADDRESS_REFUSED|NOTFOUND|AI_AGAIN)$/,
      );
    }
  });

  it('is not asked about address literals, so hostAllowed is', () => {
    expect(hostAllowed('127.0.0.1', [])).toBe(false);
    expect(hostAllowed('[::1]', [])).toBe(false);
    expect(hostAllowed('[::ffff:127.0.0.1]', [])).toBe(false);
    expect(hostAllowed('[::ffff:127.0.0.1]', networks('127.0.0.0/8'))).toBe(true);
    expect(hostAllowed('8.8.8.8', [])).toBe(true);
    expect(hostAllowed('idp.example', [])).toBe(true);
  });
});
