import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Http1Connections } from './http1.ts';

let server: Server;
let connected: number;
/** Requests that nobody has answered. */
let held: ServerResponse[];
let connections: Http1Connections;
beforeEach(async () => {
  connected = 0;
  held = [];
  server = createServer((request, response) => {
    if (request.url === '/held') held.push(response);
    else response.end('ok');
  });
  server.on('connection', () => {
    connected += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  await connections.destroy();
  server.closeAllConnections();
  server.close();
});

function open(connectionsMax: number, maxAgeMs = 60_000): void {
  const { port } = server.address() as AddressInfo;
  const client = () => new Client(`http://127.0.0.1:${port}`, { pipelining: 1 });
  connections = new Http1Connections(client, connectionsMax, maxAgeMs);
}

/** Resolves with the status, or with what went wrong. */
function ask(path = '/', headers: string[] = []): Promise<number | Error> {
  const rest = { body: null, call: false, reset: false, upgrade: null };
  return new Promise((resolve) => {
    let status = 0;
    connections.dispatch(
      { method: 'GET', path, headers, ...rest },
      {
        onRequestStart: () => {},
        onResponseStart: (_controller, code) => {
          status = code;
        },
        onResponseData: () => {},
        onResponseEnd: () => resolve(status),
        onResponseError: (_controller, error) => resolve(error),
      },
    );
  });
}

describe('connections of HTTP/1.1 to a target', () => {
  it('are used again, by one request after the other', async () => {
    open(8);
    for (let at = 0; at < 20; at += 1) {
      expect(await ask()).toBe(200);
      await expect.poll(() => connections.free).toBe(1);
    }
    expect(connected).toBe(1);
  });

  it('are no more than may be, and who waits for one gets it', async () => {
    open(2);
    const asked = Array.from({ length: 7 }, () => ask('/held'));
    await expect.poll(() => held.length).toBe(2);
    for (let answered = 0; answered < 7; answered += 1) {
      await expect.poll(() => held.length).toBeGreaterThan(0);
      held.shift()?.end();
    }
    expect(await Promise.all(asked)).toEqual(Array(7).fill(200));
    expect(connected).toBe(2);
  });

  it('go on after a request that could not even begin', async () => {
    open(1);
    expect(await ask('/', ['not a name', 'x'])).toBeInstanceOf(Error);
    expect(await ask()).toBe(200);
  });

  it('go on after a connection that broke', async () => {
    open(1);
    const asked = ask('/held');
    await expect.poll(() => held.length).toBe(1);
    held.pop()?.destroy();
    expect(await asked).toBeInstanceOf(Error);
    expect(await ask()).toBe(200);
  });

  it('are made anew where they are too old', async () => {
    open(1, -1);
    for (let at = 1; at <= 3; at += 1) {
      expect(await ask()).toBe(200);
      await expect.poll(() => connections.free).toBe(1);
      expect(connected).toBe(at);
    }
  });

  it('close once all that wait for them have been answered', async () => {
    open(1);
    const asked = [ask('/held'), ask('/held')];
    await expect.poll(() => held.length).toBe(1);
    let closed = false;
    const closing = connections.close().then(() => {
      closed = true;
    });
    held.shift()?.end();
    await expect.poll(() => held.length).toBe(1);
    expect(closed).toBe(false);
    held.shift()?.end();
    await closing;
    expect(await Promise.all(asked)).toEqual([200, 200]);
  });

  it('fail all that wait where they are destroyed', async () => {
    open(1);
    const asked = [ask('/held'), ask('/held')];
    await expect.poll(() => held.length).toBe(1);
    await connections.destroy();
    const [first, second] = await Promise.all(asked);
    expect([first instanceof Error, second instanceof Error]).toEqual([true, true]);
  });
});
