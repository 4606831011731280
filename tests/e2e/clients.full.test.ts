import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { AdminApi } from '@sallyport/stack';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openAdmin, pageOn, userOf } from '../support/cast.ts';
import { readMetrics, sum } from '../support/metrics.ts';
import { recordWhere } from '../support/records.ts';
import { revoke } from '../support/revoke.ts';
import { openSession } from '../support/sessions.ts';
import { chromiumIsThere, openChromium, type Window } from './support/chromium.ts';

const stack = inject('stack');
const alice = userOf(stack, 'alice');
const size = 300_000;
const python = '/usr/bin/python3';
const pythonIsThere = spawnSync(python, ['-c', 'import websockets']).status === 0;

let api: AdminApi;
beforeAll(async () => {
  api = await openAdmin(stack);
});
afterAll(() => api.close());

describe.skipIf(!chromiumIsThere)('Chromium', () => {
  let window: Window;
  let page: Page;
  beforeAll(async () => {
    window = await openChromium(stack);
    page = await (await window.profile(alice.device)).newPage();
    await page.goto(pageOn(stack, '/headers').href);
    await page.getByLabel('E-mail').fill(alice.email);
    await page.getByLabel('Password').fill(alice.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(pageOn(stack, '/headers').href);
  });
  afterAll(() => window.close());

  it('fetches and sends over HTTP/2, whole', async () => {
    const got = await page.evaluate(async (bytes) => {
      const answer = await fetch(`/file?bytes=${bytes}`);
      const all = new Uint8Array(await answer.arrayBuffer());
      const [entry] = performance.getEntriesByType('resource');
      const protocol = (entry as PerformanceResourceTiming).nextHopProtocol;
      return { protocol, bytes: all.length, wrong: all.findIndex((one, at) => one !== at % 251) };
    }, size);
    expect(got).toEqual({ protocol: 'h2', bytes: size, wrong: -1 });

    const bytes = randomBytes(size);
    const sent = await page.evaluate(async (encoded) => {
      const body = Uint8Array.from(atob(encoded), (one) => one.charCodeAt(0));
      const answer = await fetch('/upload', { method: 'POST', body });
      return answer.json() as Promise<unknown>;
    }, bytes.toString('base64'));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(sent).toMatchObject({ bytes: size, sha256 });
  });

  it('hears events, and leaves', async () => {
    const heard = await page.evaluate(
      () =>
        new Promise<string[]>((done, failed) => {
          const events = new EventSource('/events?of=chromium');
          const all: string[] = [];
          events.onerror = () => failed(new Error('no events'));
          events.addEventListener('tick', (event) => {
            if (all.push(String((event as MessageEvent).data)) < 3) return;
            events.close();
            done(all);
          });
        }),
    );
    expect(heard).toEqual(['number 1', 'number 2', 'number 3']);
    const record = await recordWhere(api, 'events', ({ path, userAgent }) => {
      return path === '/events' && userAgent.includes('Chrome');
    });
    expect(record).toMatchObject({ outcome: 'permit', ending: 'client_closed' });
  });

  it('speaks over a WebSocket on the HTTP/2 connection that it has (RFC 8441)', async () => {
    const before = await exchanges();
    const heard = await page.evaluate(
      (url) =>
        new Promise<string[]>((done, failed) => {
          const socket = new WebSocket(url);
          const all: string[] = [];
          socket.onerror = () => failed(new Error('no socket'));
          socket.onmessage = ({ data }) => {
            if (all.push(String(data)) === 1) socket.send('hello to you');
            else socket.close(1000);
          };
          socket.onclose = () => done(all);
        }),
      socketUrl('/ws/chromium'),
    );
    expect(heard).toEqual([`hello ${alice.email}`, 'hello to you']);
    const record = await recordWhere(api, 'it', ({ path }) => path === '/ws/chromium');
    // The application speaks HTTP/1.1 alone, where it was asked for an upgrade.
    expect(record).toMatchObject({ outcome: 'permit', status: 101, method: 'GET' });
    await expect.poll(async () => (await exchanges()).overHttp2).toBe(before.overHttp2 + 1);
    const { upgraded, connections } = await exchanges();
    expect(upgraded).toBe(before.upgraded);
    expect(connections).toBeLessThanOrEqual(before.connections);
  });

  it('is told by a close code that access over its WebSocket was withdrawn, and goes on', async () => {
    const before = await exchanges();
    const sid = await page.evaluate(async () => {
      const answer = await fetch('/', { headers: { accept: 'application/json' } });
      const { identity } = (await answer.json()) as { identity: { session: string } };
      return identity.session;
    });
    const open = await page.evaluateHandle(
      (url) =>
        new Promise<{ closed: Promise<unknown> }>((done, failed) => {
          const socket = new WebSocket(url);
          socket.onerror = () => failed(new Error('no socket'));
          const closed = new Promise((told) => {
            socket.onclose = ({ code, reason, wasClean }) => told({ code, reason, wasClean });
          });
          socket.onmessage = () => done({ closed });
        }),
      socketUrl('/ws/withdrawn'),
    );
    expect((await revoke(api, { kind: 'session', id: sid })).status).toBe(201);
    expect(await open.evaluate(({ closed }) => closed)).toEqual({
      code: 1008,
      reason: 'access was withdrawn',
      wasClean: true,
    });
    const record = await recordWhere(api, 'it', ({ path }) => path === '/ws/withdrawn');
    expect(record).toMatchObject({ outcome: 'permit', status: 101, ending: 'revoked' });
    await expect.poll(async () => (await exchanges()).overHttp2).toBe(before.overHttp2 + 1);
    // The connection stands, and what is asked over it now has to sign in first.
    const status = await page.evaluate(async () => (await fetch('/file?bytes=1')).status);
    expect(status).toBe(401);
    expect((await exchanges()).connections).toBeLessThanOrEqual(before.connections);
  });
});

const socketUrl = (path: string) => pageOn(stack, path).href.replace(/^https/, 'wss');

/** What the edge has counted: WebSockets by what they came over, and connections that speak HTTP/2. */
async function exchanges() {
  const [edge] = stack.edges;
  const figures = await readMetrics(edge?.ops ?? '');
  const ended = (protocol: string) => sum(figures, 'sallyport_edge_exchanges_total', { protocol });
  return {
    overHttp2: ended('websocket_h2'),
    upgraded: ended('websocket'),
    connections: sum(figures, 'sallyport_edge_http2_sessions'),
  };
}

describe.skipIf(!pythonIsThere)('a client of WebSockets on the command line', () => {
  it('sends lines and prints what comes back', async () => {
    const { cookie } = await openSession(stack, alice);
    const { cert, key } = alice.device;
    const url = pageOn(stack, '/ws/lines').href.replace(/^https/, 'wss');
    const script = join(import.meta.dirname, 'support', 'lines.py');
    const child = spawn(python, [script, url, stack.ca, cert, key, cookie], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(child, 'close');
    const long = 'é'.repeat(20_000);
    child.stdin.end(`one\n${long}\nthree\n`);
    expect(await text(child.stdout)).toBe(`hello ${alice.email}\none\n${long}\nthree\n`);
    expect((await ended)[0]).toBe(0);
    const record = await recordWhere(api, 'it', ({ path }) => path === '/ws/lines');
    expect(record).toMatchObject({ outcome: 'permit', status: 101 });
  });
});
