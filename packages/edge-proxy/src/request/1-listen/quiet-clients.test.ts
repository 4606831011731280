import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RawClient } from '../testing/client.ts';
import { Http2Client } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';

const table = '/proc/net/tcp';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());

const hex = (port: number | undefined) => (port ?? 0).toString(16).toUpperCase().padStart(4, '0');

/** Which timer the kernel runs for the edge's end of a connection (proc_net_tcp.txt): 2, keepalive. */
function timerOf(clientPort: number | undefined): string | undefined {
  const ends = new RegExp(`:${hex(edge.port)} [0-9A-F]{8}:${hex(clientPort)} \\S+ \\S+ (\\d\\d):`);
  return ends.exec(readFileSync(table, 'utf8'))?.[1];
}

it.skipIf(!existsSync(table))(
  'a client that has vanished from a quiet connection is asked for by the kernel (F33)',
  async () => {
    const one = await RawClient.connect(edge, 'pub.corp.test', edge.laptop);
    const two = await Http2Client.connect(edge, 'pub.corp.test');
    for (const { socket } of [one, two]) {
      await expect.poll(() => timerOf(socket.localPort)).toBe('02');
    }
    one.close();
    two.close();
  },
);
