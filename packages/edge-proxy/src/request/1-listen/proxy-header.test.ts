import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { proxyHeader } from '@sallyport/shared/testing/proxy-header';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { crc32c } from './crc32c.ts';
import { readClient, readFixed } from './proxy-header.ts';
import { type TakenHeader, takeProxyHeader } from './take-proxy-header.ts';

/** Both steps over bytes that are all there, as a socket gives them. */
function read(bytes: Buffer): string | null {
  const length = readFixed(bytes.subarray(0, 16));
  if (typeof length !== 'number') return length;
  if (bytes.length < 16 + length) return 'proxy_header_invalid';
  const client = readClient(bytes.subarray(0, 16 + length));
  return client === null ? 'proxy_header_invalid' : client.address;
}

function extension(type: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([type, value.length >>> 8, value.length & 255]), value]);
}

function withChecksum(source: string, change = 0): Buffer {
  const header = proxyHeader(source, { extensions: extension(0x03, Buffer.alloc(4)) });
  header.writeUInt32BE((crc32c(header) ^ change) >>> 0, header.length - 4);
  return header;
}

describe('a header of PROXY protocol version 2', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['255.255.255.255', '255.255.255.255'],
    ['2001:db8::7', '2001:db8::7'],
    ['2001:DB8:0:0:1::', '2001:db8:0:0:1::'],
  ])('names the client %s', (source, canonical) => {
    expect(read(proxyHeader(source))).toBe(canonical);
  });

  it('means the IPv4 address by one that is mapped into IPv6', () => {
    const header = proxyHeader('2001:db8::1');
    Buffer.from('00000000000000000000ffffc0000207', 'hex').copy(header, 16);
    expect(read(header)).toBe('192.0.2.7');
  });

  it('names nobody where the proxy speaks for itself', () => {
    expect(read(proxyHeader('203.0.113.7', { command: 0 }))).toBeNull();
    expect(read(proxyHeader('203.0.113.7', { command: 0, family: 0 }))).toBeNull();
    expect(
      read(proxyHeader('203.0.113.7', { command: 0, family: 0, length: 0 }).subarray(0, 16)),
    ).toBeNull();
  });

  it('may have entries behind the addresses, and a checksum that is right', () => {
    const alpn = extension(0x01, Buffer.from('http/1.1'));
    expect(read(proxyHeader('203.0.113.7', { extensions: alpn }))).toBe('203.0.113.7');
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(read(withChecksum('203.0.113.7'))).toBe('203.0.113.7');
  });

  const plain = proxyHeader('203.0.113.7');
  const checksum = extension(0x03, Buffer.alloc(4));
  it.each<[string, Buffer]>([
    ['an unknown command', proxyHeader('203.0.113.7', { command: 2 })],
    ['version 1 in the place of 2', Buffer.concat([plain.subarray(0, 12), Buffer.from([0x11])])],
    ['version 3', Buffer.concat([plain.subarray(0, 12), Buffer.from([0x31]), plain.subarray(13)])],
    ['no protocol', proxyHeader('203.0.113.7', { family: 0x00 })],
    ['datagrams', proxyHeader('203.0.113.7', { family: 0x12 })],
    ['sockets of a path', proxyHeader('203.0.113.7', { family: 0x31 })],
    ['the family of a longer address', proxyHeader('203.0.113.7', { family: 0x21 })],
    ['no room for the addresses', proxyHeader('203.0.113.7', { length: 11 }).subarray(0, 27)],
    ['more bytes than any proxy has to say', proxyHeader('203.0.113.7', { length: 4097 })],
    ['an entry that breaks off', proxyHeader('203.0.113.7', { extensions: Buffer.from([4, 0]) })],
    [
      'an entry that is longer than the header',
      proxyHeader('203.0.113.7', { extensions: Buffer.from([4, 0, 2, 0]) }),
    ],
    ['a wrong checksum', withChecksum('203.0.113.7', 1)],
    ['a short checksum', proxyHeader('203.0.113.7', { extensions: extension(3, Buffer.alloc(2)) })],
    [
      'two checksums',
      proxyHeader('203.0.113.7', { extensions: Buffer.concat([checksum, checksum]) }),
    ],
  ])('cannot be read with %s (row 72)', (_what, bytes) => {
    expect(read(bytes)).toBe('proxy_header_invalid');
  });

  it.each([
    ['version 1', 'PROXY TCP4 203.0.113.7 192.0.2.1 40000 443\r\n'],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03xxxxx'],
    ['nothing', ''],
  ])('is missing where there is %s (row 72)', (_what, text) => {
    expect(read(Buffer.from(text, 'latin1'))).toBe('proxy_header_missing');
  });

  it('is an address, nothing or a problem, whatever the bytes are', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.nat(255),
        fc.nat(255),
        fc.nat(80),
        (tail, command, family, length) => {
          const start = Buffer.from([command, family, 0, length]);
          const result = read(Buffer.concat([plain.subarray(0, 12), start, tail]));
          expect(result === null || result.length > 0).toBe(true);
        },
      ),
    );
  });
});

describe('a header on a socket', () => {
  let deadlineMs = 60_000;
  const server = createServer({ allowHalfOpen: true });
  const takings: ((taken: TakenHeader, socket: Socket) => void)[] = [];
  server.on('connection', (socket) => {
    socket.on('error', () => undefined);
    takeProxyHeader(socket, deadlineMs, (taken) => takings.shift()?.(taken, socket));
  });
  server.listen(0, '127.0.0.1');
  afterAll(() => server.close());

  /** Sends the pieces one by one and returns what was taken, and what is left behind it. */
  async function take(
    pieces: readonly (Uint8Array | string)[],
    finish: 'end' | 'reset' | 'stay' = 'stay',
  ): Promise<{ taken: TakenHeader; rest: string }> {
    if (!server.listening) await once(server, 'listening');
    const arrived = new Promise<{ taken: TakenHeader; rest: string }>((resolve) => {
      takings.push((taken, socket) => {
        const rest: unknown = socket.read();
        socket.destroy();
        resolve({ taken, rest: Buffer.isBuffer(rest) ? rest.toString() : '' });
      });
    });
    const { port } = server.address() as { port: number };
    const client = connect({ host: '127.0.0.1', port, noDelay: true });
    client.on('error', () => undefined);
    await once(client, 'connect');
    for (const piece of pieces) {
      await new Promise<void>((resolve) => client.write(piece, () => resolve()));
    }
    if (finish === 'end') client.end();
    if (finish === 'reset') client.resetAndDestroy();
    const result = await arrived;
    client.destroy();
    return result;
  }

  const header = proxyHeader('203.0.113.7');

  it('is taken alone, and what comes behind it is left', async () => {
    expect(await take([Buffer.concat([header, Buffer.from('hello')])])).toEqual({
      taken: { kind: 'client', address: '203.0.113.7' },
      rest: 'hello',
    });
  });

  it('may come byte by byte', async () => {
    const pieces = [...header].map((byte) => Uint8Array.of(byte));
    expect((await take(pieces)).taken).toEqual({ kind: 'client', address: '203.0.113.7' });
  });

  it('is nothing where the other side goes without a word', async () => {
    expect((await take([], 'end')).taken).toEqual({ kind: 'gone' });
    expect((await take([], 'reset')).taken).toEqual({ kind: 'gone' });
  });

  it.each<[string, Uint8Array, string]>([
    ['breaks off in its signature', header.subarray(0, 5), 'proxy_header_invalid'],
    ['breaks off behind it', header.subarray(0, 14), 'proxy_header_invalid'],
    ['has no addresses', header.subarray(0, 16), 'proxy_header_invalid'],
    ['breaks off in the addresses', header.subarray(0, 20), 'proxy_header_invalid'],
    ['is another short text', Buffer.from('GET'), 'proxy_header_missing'],
  ])('is refused where it %s (row 72)', async (_what, bytes, code) => {
    expect((await take([bytes], 'end')).taken).toEqual({ kind: 'refused', code });
  });

  it('is not waited for without end, however slowly it comes (row 134)', async () => {
    deadlineMs = 20;
    const { taken } = await take([header.subarray(0, 20)]);
    deadlineMs = 60_000;
    expect(taken).toEqual({ kind: 'refused', code: 'proxy_header_timeout' });
  });
});
