import { once } from 'node:events';
import type { Socket } from 'node:net';
import { proxyHeader } from '@sallyport/shared/testing/proxy-header';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { protocols } from '../testing/client-h2.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import { forwardingFront, proxyFront, speakFrom, withFronts } from '../testing/front.ts';
import { linesIn, Oracle } from '../testing/oracle.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
  await edge.apply('config', ...edge.configuration(withFronts(edge)));
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());

const nothing = Buffer.alloc(0);
const client = '203.0.113.7';

describe.each(protocols)('the source of a request over %s', (protocol) => {
  let nobody: Oracle;
  beforeAll(async () => {
    nobody = await Oracle.of(edge, 'usr_alice', 'pub.corp.test', 'laptop', protocol);
  });

  /** Where the one request came from, which all that is said of it agrees on. */
  async function sourceOf(socket: Socket, ...headers: string[]): Promise<[number, string]> {
    const { status } = await nobody.call({ socket, headers, cookie: '' });
    await expect.poll(() => edge.records.all.length).toBe(1);
    const [record] = edge.records.all;
    const source = record?.sourceAddress ?? '';
    const told = linesIn(edge.upstream.bytes).filter((line) => line.startsWith('x-forwarded-for:'));
    expect(told).toEqual(status === 200 ? [`x-forwarded-for: ${source}`] : []);
    return [status, source];
  }

  it('row 72: is the client that a front proxy names in PROXY protocol, whatever else says', async () => {
    for (const claims of [[], [`X-Forwarded-For: 1.2.3.4`, 'Forwarded: for=1.2.3.4']]) {
      await edge.settle();
      const socket = await speakFrom(edge, proxyFront, proxyHeader(client));
      expect(await sourceOf(socket, ...claims)).toEqual([200, client]);
    }
  });

  it('row 72: is not what somebody else says in PROXY protocol: that is no request', async () => {
    for (const from of ['127.0.0.1', forwardingFront]) {
      const socket = await speakFrom(edge, from, proxyHeader(client));
      await expect(nobody.call({ socket, cookie: '' })).rejects.toThrow();
    }
    expect(edge.upstream.bytes).toBe('');
  });

  it.each([
    ['203.0.113.7', client],
    ['::ffff:203.0.113.7', client],
    ['::FFFF:CB00:7107', client],
    ['2001:DB8:0:0::7', '2001:db8::7'],
    ['[2001:db8::7]:41000', '2001:db8::7'],
    ['1.2.3.4, 203.0.113.7', client],
  ])('row 73: has one form, however a front proxy writes it: %s', async (written, address) => {
    const socket = await speakFrom(edge, forwardingFront, nothing);
    expect(await sourceOf(socket, `X-Forwarded-For: ${written}`)).toEqual([200, address]);
  });

  it.each([
    ['fe80::1%eth0'],
    ['0:0::1%lo'],
    ['0177.0.0.1'],
    ['3405803783'],
    ['0xcb.0.113.7'],
    [''],
  ])('row 73: is nobody where it can be read in two ways: %s', async (written) => {
    const socket = await speakFrom(edge, forwardingFront, nothing);
    expect(await sourceOf(socket, `X-Forwarded-For: ${written}`)).toEqual([400, forwardingFront]);
    expect(edge.records.all[0]?.reasons).toEqual(['source_address_unclear']);
    expect(edge.upstream.bytes).toBe('');
  });
});

describe('row 72: where nobody is said to speak PROXY protocol', () => {
  beforeAll(async () => {
    const usual = testDocuments(edge.pki, edge.upstream.port);
    await edge.apply('config', ...edge.configuration(usual));
  });
  afterAll(() => edge.apply('config', ...edge.configuration(withFronts(edge))));

  const truncated = proxyHeader(client, { extensions: Buffer.of(4, 0, 2, 0) });
  it.each([
    ['version 1', Buffer.from(`PROXY TCP4 ${client} 192.0.2.1 40000 443\r\n`)],
    ['version 2', proxyHeader(client)],
    ['version 2 for itself', proxyHeader(client, { command: 0 })],
    ['version 2 with an entry that breaks off', truncated],
  ])('a connection that begins with it is closed, and recorded: %s', async (_name, header) => {
    for (const from of ['127.0.0.1', proxyFront]) {
      await edge.settle();
      const socket = await speakFrom(edge, from, header);
      await once(socket.resume(), 'close');
      expect(edge.upstream.bytes).toBe('');
      await expect.poll(() => edge.records.all.length).toBe(1);
      const said = { outcome: 'refused', reasons: ['tls_failed'], status: 0, sourceAddress: from };
      expect(edge.records.all[0]).toMatchObject(said);
    }
  });
});
