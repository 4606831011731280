import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call, RawClient } from '../testing/client.ts';
import {
  answerTo,
  clientHello,
  inRecordsOf,
  nameEntry,
  nameList,
} from '../testing/client-hello.ts';
import { TestEdge } from '../testing/edge.ts';
import { withListener } from '../testing/listener-settings.ts';

const host = 'app.corp.test';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
  const tlsPolicies = [
    { name: 'strict', hosts: ['admin.corp.test'], minVersion: 'TLSv1.3' as const },
  ];
  await edge.apply('config', ...edge.configuration(withListener(edge, { tlsPolicies })));
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());

describe('a ClientHello', () => {
  it('with a name that is served is answered', async () => {
    expect(await answerTo(edge, clientHello(nameList(nameEntry(host))))).toBe('hello');
    expect(await answerTo(edge, clientHello(nameList(nameEntry('APP.corp.test.'))))).toBe('hello');
  });

  it.each([
    ['no name', null],
    ['an empty name', nameList(nameEntry(''))],
    ['an empty list of names', nameList()],
    ['nothing where the list should be', Buffer.alloc(0)],
    ['a NUL behind the name', nameList(nameEntry(`${host}\0`))],
    ['a NUL within the name', nameList(nameEntry(`${host}\0.evil.test`))],
    ['an IPv4 address', nameList(nameEntry('127.0.0.1'))],
    ['an IPv6 address', nameList(nameEntry('::1'))],
    ['a number', nameList(nameEntry('2130706433'))],
    ['a name in UTF-8', nameList(nameEntry('äpp.corp.test'))],
    ['a full-width letter', nameList(nameEntry('ａpp.corp.test'))],
    ['the Kelvin sign', nameList(nameEntry('\u212a.corp.test'))],
    ['bytes that are no text', nameList(nameEntry(Buffer.from('ff00fec0af', 'hex')))],
    ['broken punycode', nameList(nameEntry('xn--\u{ff}.corp.test'))],
    ['a star', nameList(nameEntry('*.fin.test'))],
    ['a port', nameList(nameEntry(`${host}:443`))],
    ['a space', nameList(nameEntry(` ${host}`))],
    ['line ends', nameList(nameEntry(`${host}\r\nx: y`))],
    ['a path', nameList(nameEntry(`${host}/../..`))],
    ['two dots at the end', nameList(nameEntry(`${host}..`))],
    ['a name of 300 bytes', nameList(nameEntry(`${'a'.repeat(60)}.`.repeat(5)))],
    ['a name of 60 kB', nameList(nameEntry('a'.repeat(16_000)))],
    ['two names', nameList(nameEntry(host), nameEntry('admin.corp.test'))],
    ['a name of an unknown type', nameList(nameEntry(host, 1))],
    ['bytes behind the list', Buffer.concat([nameList(nameEntry(host)), Buffer.of(0)])],
    ['a list that is longer than it says', nameList(nameEntry(host)).fill(0, 0, 2)],
  ])('with %s is refused, and nothing breaks (row 7)', async (_name, serverName) => {
    expect(await answerTo(edge, clientHello(serverName))).toBe('refused');
    expect((await call(edge, { host: 'pub.corp.test' })).status).toBe(200);
    // Nothing of it was thrown within the look-up of the name.
    expect(edge.logged.join('\n')).not.toMatch(/sni_failed|uncaught/);
  });

  it.each([1, 7, 100])(
    'in records of %d bytes is the same hello to every policy (row 10)',
    async (bytes) => {
      const whole = clientHello(nameList(nameEntry(host)));
      expect(await answerTo(edge, inRecordsOf(bytes, whole))).toBe('hello');
      const unknown = clientHello(nameList(nameEntry('www.evil.test')));
      expect(await answerTo(edge, inRecordsOf(bytes, unknown))).toBe('refused');
      // Through to the end of the handshake, with requests.
      const connected = await connectInRecords(bytes, { servername: host });
      await once(connected, 'secureConnect');
      const client = new RawClient(connected);
      client.send('GET / HTTP/1.1\r\nHost: pub.corp.test\r\n\r\n');
      expect((await client.response()).status).toBe(200);
      client.send('GET / HTTP/1.1\r\nHost: admin.corp.test\r\n\r\n');
      expect((await client.response()).status).toBe(421);
      await client.closed();
      edge.records.all.length = 0;
      const old = { servername: 'admin.corp.test', maxVersion: 'TLSv1.2' } as const;
      const refused = await connectInRecords(bytes, old);
      await new Promise((resolve) => refused.once('close', resolve));
      expect(edge.records.all.map(({ reasons }) => reasons)).toEqual([['tls_version_too_old']]);
    },
  );
});

/** A connection whose hello leaves in records of so many bytes. */
async function connectInRecords(bytes: number, options: ConnectionOptions) {
  const tcp = connectTcp(edge.port, '127.0.0.1');
  await once(tcp, 'connect');
  const write = tcp.write.bind(tcp);
  let first = true;
  tcp.write = ((chunk: Buffer, ...more: []) => {
    const sent = first ? inRecordsOf(bytes, chunk) : chunk;
    first = false;
    return write(sent, ...more);
  }) as typeof tcp.write;
  const socket = connect({ socket: tcp, rejectUnauthorized: false, ...options });
  socket.on('error', () => undefined);
  return socket;
}
