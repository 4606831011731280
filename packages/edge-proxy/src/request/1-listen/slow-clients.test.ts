import type { Writable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawClient } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';
import { withListener } from '../testing/listener-settings.ts';
import { ok } from '../testing/recorder.ts';

const host = 'pub.corp.test';

let edge: TestEdge;
const clients: RawClient[] = [];
beforeAll(async () => {
  edge = await TestEdge.start();
  const slowClients = { bodyIdle: '2s', bodyBytesPerSecond: 1_000, responseIdle: '2s' };
  await edge.apply('config', ...edge.configuration(withListener(edge, { slowClients })));
});
afterAll(() => edge.stop());
beforeEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await edge.settle();
  edge.upstream.script = ok;
});

async function open(line: string, ...more: string[]): Promise<RawClient> {
  const client = await RawClient.connect(edge, host, edge.laptop);
  clients.push(client);
  client.send(`${[line, `Host: ${host}`, ...more].join('\r\n')}\r\n\r\n`);
  return client;
}

/** Goes on sending until the connection closes, or for so many times. */
function sendAgainAndAgain(client: RawClient, text: string, times = Number.POSITIVE_INFINITY) {
  let sent = 0;
  const timer = setInterval(() => {
    client.send(text);
    sent += 1;
    if (sent >= times) clearInterval(timer);
  }, 100);
  client.socket.once('close', () => clearInterval(timer));
}

/** The connection to the upstream that the path was asked for on. */
async function upstreamOf(path: string) {
  const find = () => edge.upstream.connections.find(({ bytes }) => bytes.includes(` ${path} `));
  await expect.poll(find, { timeout: 10_000 }).toBeDefined();
  const found = find();
  if (found === undefined) throw new Error(path);
  return found;
}

/** Writes so many bytes, as they are taken. */
function pour(socket: Writable, bytes: number): void {
  const chunk = Buffer.alloc(2 ** 20, 'z');
  let left = bytes;
  const more = (): void => {
    while (left > 0) {
      const size = Math.min(left, chunk.length);
      left -= size;
      if (!socket.write(chunk.subarray(0, size))) {
        socket.once('drain', more);
        return;
      }
    }
  };
  more();
}

async function expectTooSlow(client: RawClient): Promise<void> {
  const response = await client.response();
  expect([response.status, JSON.parse(response.body)]).toEqual([
    408,
    expect.objectContaining({ code: 'request_too_slow' }),
  ]);
  await client.closed();
}

describe('a client', () => {
  it('that sends a body too slowly is cut off, and whoever waits for the upstream is not (row 134)', async () => {
    edge.upstream.script = (head, connection) =>
      head.startsWith('GET /late') ? null : ok(head, connection);
    const stopped = await open('POST /stopped HTTP/1.1', 'Content-Length: 100');
    stopped.send('0123456789');
    const silent = await open('POST /silent HTTP/1.1', 'Content-Length: 5', 'Expect: 100-continue');
    expect(await silent.until(/100 Continue\r\n\r\n/)).toContain('HTTP/1.1 100');
    const trickling = await open('POST /trickling HTTP/1.1', 'Transfer-Encoding: chunked');
    sendAgainAndAgain(trickling, '1\r\nx\r\n');
    const steady = await open('POST /steady HTTP/1.1', `Content-Length: ${500 * 35}`);
    sendAgainAndAgain(steady, 'y'.repeat(500), 35);
    const waiting = await open('GET /late HTTP/1.1');
    const bytes = 24 * 2 ** 20;
    const heldBack = await open('POST /held HTTP/1.1', `Content-Length: ${bytes}`);
    heldBack.send('z');
    const upstream = await upstreamOf('/held');
    upstream.socket.pause();
    pour(heldBack.socket, bytes - 1);

    await Promise.all([stopped, silent, trickling].map(expectTooSlow));
    expect((await steady.response()).status).toBe(200);
    // Its upstream has read nothing of it all the time.
    expect([heldBack.socket.destroyed, heldBack.received]).toEqual([false, '']);
    heldBack.close();
    upstream.socket.destroy();
    const late = await upstreamOf('/late');
    late.socket.write('HTTP/1.1 204 No Content\r\n\r\n');
    expect((await waiting.response()).status).toBe(204);

    const slow = edge.records.all.filter(({ status }) => status === 408);
    expect(slow.map(({ path }) => path).sort()).toEqual(['/silent', '/stopped', '/trickling']);
    for (const record of slow) {
      // The upstream may have got something of it.
      const outcome = record.bytesIn > 0 ? 'permit' : 'refused';
      expect(record).toMatchObject({ outcome, route: 'pub' });
      expect(record.reasons).toEqual(['request_too_slow', 'rule_allowed']);
    }
    // Nothing is held at the upstream for them.
    await expect.poll(() => edge.worker.openExchanges(), { timeout: 10_000 }).toBe(0);
  });

  it('that takes nothing of its response is cut off, and one that takes a little is not (row 135, F33)', async () => {
    const bytes = 24 * 2 ** 20;
    edge.upstream.script = (head, { socket }) => {
      const isQuiet = head.startsWith('GET /quiet');
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${isQuiet ? 3 : bytes}\r\n\r\n`);
      if (isQuiet) socket.write('.');
      else pour(socket, bytes);
      return null;
    };
    const [stuck, slow, quiet] = await Promise.all([
      open('GET /stuck HTTP/1.1'),
      open('GET /slow HTTP/1.1'),
      open('GET /quiet HTTP/1.1'),
    ]);
    await Promise.all([stuck, slow, quiet].map((client) => client.until(/\r\n\r\n/)));
    stuck.socket.pause();
    let hurry = false;
    slow.socket.on('data', () => {
      if (hurry) return;
      slow.socket.pause();
      setTimeout(() => slow.socket.resume(), 5);
    });
    await expect.poll(() => edge.records.all.length, { timeout: 15_000 }).toBe(1);
    expect(edge.records.all[0]).toMatchObject({
      path: '/stuck',
      status: 200,
      outcome: 'permit',
      ending: 'client_too_slow',
    });
    hurry = true;
    await slow.take(bytes);
    (await upstreamOf('/quiet')).socket.write('ok');
    expect(await quiet.take(3)).toBe('.ok');
    stuck.socket.resume();
    await stuck.closed();
    expect(stuck.received.length).toBeLessThan(bytes);
  });
});
