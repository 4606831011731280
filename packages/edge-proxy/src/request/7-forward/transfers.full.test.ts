import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Application, startApplication } from '../testing/application.ts';
import type { RawClient } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';
import { heldBytes } from '../testing/memory.ts';
import { Oracle } from '../testing/oracle.ts';
import { standsStill } from '../testing/stand-still.ts';

const mebibyte = 1024 * 1024;
const readers = 200;
const total = 256 * mebibyte;
const chunk = Buffer.alloc(65_536, 'x');

let edge: TestEdge;
let application: Application;
let sent = 0;
beforeAll(async () => {
  edge = await TestEdge.start();
  application = await startApplication(edge, (_request, response) => {
    let left = total;
    response.writeHead(200, { 'Content-Length': total });
    const more = (): void => {
      while (left > 0) {
        left -= chunk.length;
        sent += chunk.length;
        if (!response.write(chunk)) {
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    more();
  });
});
afterAll(async () => {
  await edge.stop();
  await application.close();
});

it('row 135: holds less than a mebibyte for each of 200 readers of 256 MiB who hardly read', {
  timeout: 300_000,
}, async () => {
  const alice = await Oracle.of(edge);
  const before = heldBytes();
  const clients: RawClient[] = [];
  for (let count = 0; count < readers; count += 1) {
    const client = await alice.connect();
    client.send(alice.request('GET /large HTTP/1.1'));
    await client.until(/\r\n\r\n/);
    client.socket.pause();
    clients.push(client);
  }
  await standsStill(() => sent);
  expect(sent).toBeLessThan((readers * total) / 4);
  // Clients and application are in this process too.
  expect(heldBytes() - before).toBeLessThan(readers * mebibyte);
  // They read a little, and only so much more is fetched for them.
  for (const client of clients) client.socket.read(1_000);
  await nextTurn();
  await standsStill(() => sent);
  expect(heldBytes() - before).toBeLessThan(readers * mebibyte);
  for (const client of clients) client.close();
  await expect.poll(() => edge.worker.openExchanges(), { timeout: 30_000 }).toBe(0);
  expect(edge.records.all.every(({ ending }) => ending === 'client_closed')).toBe(true);
});
