import { once } from 'node:events';
import type { AccessRecord } from '@sallyport/shared/access-record';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawClient } from '../testing/client.ts';
import { Http2Client, protocols } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import { Oracle } from '../testing/oracle.ts';
import { ok } from '../testing/recorder.ts';
import { webSocketOver } from '../testing/tunnels.ts';
import { agree } from '../testing/web-socket.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
  edge.upstream.script = ok;
});

/** Asks, and goes away as soon as `when` says. */
const leaveOver = {
  'http/1.1': async ({ device, host }: Oracle, cookie: string, when: () => Promise<unknown>) => {
    const client = await RawClient.connect(edge, host, device);
    client.send(`GET /left HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n\r\n`);
    await when();
    client.close();
  },
  h2: async ({ device, host }: Oracle, cookie: string, when: () => Promise<unknown>) => {
    const client = await Http2Client.worded(edge, host, device);
    await once(client.session, 'remoteSettings');
    const stream = client.open({ cookie, path: '/left' });
    stream.end();
    await when();
    stream.close(8);
    if (!stream.destroyed) await once(stream, 'close');
    client.close();
  },
} as const;

const outcome = ({ outcome: verdict, reasons, status, path }: AccessRecord) =>
  `${verdict} ${reasons[0]} ${status} ${path}`;

describe.each(protocols)('row 144: over %s there is one line for each decision', (protocol) => {
  let alice: Oracle;
  beforeAll(async () => {
    alice = await Oracle.of(edge, 'usr_alice', 'app.corp.test', 'laptop', protocol);
  });

  it('whatever became of it, with who, from where, what, why and by which policy', async () => {
    const leave = async () => {
      edge.upstream.script = () => null;
      const asked = () => expect.poll(() => edge.upstream.bytes).toContain('/left');
      await leaveOver[protocol](alice, alice.cookie, asked);
      edge.upstream.script = ok;
    };
    const open = async () => {
      edge.upstream.script = agree;
      (await webSocketOver[protocol](alice)).close();
      edge.upstream.script = ok;
    };
    const large = [`X: ${'y'.repeat(20_000)}`];
    const nobodys = () => alice.call({ host: 'www.evil.test' }).catch(() => null);
    const nonsense = async () => {
      const client = await alice.connect();
      client.send('\0nonsense\r\n\r\n');
      await client.closed();
    };
    const way: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['permit rule_allowed 200 /a', () => alice.call({ path: '/a' })],
      ['deny device_unknown 403 /', () => alice.call({ device: edge.stranger })],
      ['sign_in session_required 401 /', () => alice.call({ cookie: '' })],
      ['permit rule_allowed 0 /left', leave],
      ['permit rule_allowed 101 /chat', open],
      ['refused path_ambiguous 400 /a//b', () => alice.call({ path: '/a//b' })],
      ['refused header_invalid 400 /', () => alice.call({ headers: ['Content_Length: 3'] })],
      ['refused headers_too_large 431 /', () => alice.call({ headers: large })],
      ['refused method_unsupported 405 /', () => alice.call({ method: 'TRACE' })],
      ['refused host_misdirected 421 /', () => alice.call({ authority: 'www.evil.test' })],
      ['refused server_name_unknown 0 ', nobodys],
      ['refused malformed 400 ', nonsense],
    ];
    for (const [index, [, go]] of way.entries()) {
      await go();
      await expect.poll(() => edge.records.all.length).toBe(index + 1);
    }
    const { all } = edge.records;
    expect(all.map(outcome)).toEqual(way.map(([expected]) => expected));
    expect(new Set(all.map(({ correlationId }) => correlationId)).size).toBe(way.length);
    const devices = [edge.laptop.sha256, edge.stranger.sha256];
    for (const record of all) {
      expect(record).toMatchObject({
        kind: 'access',
        edge: 'edg_test',
        sourceAddress: '127.0.0.1',
      });
      // Of a handshake that came to nothing, nobody has looked at it.
      const shown = record.reasons[0] === 'server_name_unknown' ? [null] : devices;
      expect(shown).toContain(record.certificateSha256);
      if (record.outcome === 'permit') {
        expect(record).toMatchObject({ userId: 'usr_alice', configVersion: 1 });
      }
    }
  });

  it('with a reason, though its client went away before there was a decision', async () => {
    const count = 10;
    for (let left = count; left > 0; left -= 1) {
      // Seen for the first time, a cookie takes a moment to open.
      const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
      await leaveOver[protocol](alice, cookie, () => Promise.resolve());
    }
    await expect.poll(() => edge.worker.openExchanges()).toBe(0);
    for (const { outcome: verdict, ending, reasons } of edge.records.all) {
      expect([verdict, ending, reasons.length > 0]).toEqual([verdict, ending, true]);
      if (verdict === 'refused') expect(reasons).toEqual(['client_closed']);
    }
  });
});
