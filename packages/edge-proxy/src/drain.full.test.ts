import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { handshake } from './request/testing/web-socket.ts';
import { acceptWebSockets, OpenEdge, openHost, report } from './testing/open-edge.ts';

/** An edge process that is told to go while much is open; what was measured is printed. */
const webSockets = 500;
const uploads = 20;

let edge: OpenEdge;
let clients: TLSSocket[] = [];
afterEach(async () => {
  for (const client of clients) client.destroy();
  clients = [];
  await edge.stop();
});

/** A connection that has sent this, and all that has come over it. */
async function speak(bytes: string) {
  const socket = await edge.connect();
  clients.push(socket);
  const heard = { socket, text: '', closed: false };
  socket.setEncoding('latin1').on('data', (text: string) => {
    heard.text += text;
  });
  socket.on('close', () => {
    heard.closed = true;
  });
  socket.write(bytes, 'latin1');
  return heard;
}

it('F42 with 500 WebSockets and uploads open it says that it is not ready, tells all of them, lets uploads end, and exits with 0', async () => {
  edge = await OpenEdge.start({
    environment: { SALLYPORT_DRAIN_SECONDS: '30', SALLYPORT_DRAIN_NOTICE_SECONDS: '1' },
    upstream: (request, response) => {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      request.on('end', () => response.end(`took ${bytes}`));
    },
  });
  acceptWebSockets(edge.upstream);
  const opening = ['GET /chat HTTP/1.1', `Host: ${openHost}`, ...handshake, '', ''].join('\r\n');
  const tunnels: Awaited<ReturnType<typeof speak>>[] = [];
  for (let at = 0; at < webSockets; at += 1) tunnels.push(await speak(opening));
  const length = 2_000;
  const head = `POST /up HTTP/1.1\r\nHost: ${openHost}\r\nContent-Length: ${length}\r\n\r\n`;
  const half = 'x'.repeat(length / 2);
  const posts: typeof tunnels = [];
  for (let at = 0; at < uploads; at += 1) posts.push(await speak(head + half));
  const socket = await edge.connect('h2');
  clients.push(socket);
  const session = connectHttp2(`https://${openHost}`, { createConnection: () => socket });
  session.on('error', () => undefined);
  const told = once(session, 'goaway');
  const open = () => edge.figure('sallyport_edge_open_exchanges');
  await expect.poll(open, { timeout: 10_000 }).toBe(webSockets + uploads);
  for (const tunnel of tunnels) expect(tunnel.text).toMatch(/^HTTP\/1\.1 101 /);

  const startedAt = performance.now();
  edge.process.signal('SIGTERM');
  await expect.poll(() => edge.ops('readyz'), { interval: 20 }).toBe(503);
  expect((await told)[0]).toBe(0);
  const closed = () => tunnels.filter((tunnel) => tunnel.closed).length;
  await expect.poll(closed, { timeout: 20_000 }).toBe(webSockets);
  const toldMs = performance.now() - startedAt;
  // 1001, "going away": RFC 6455, section 7.4.1.
  for (const { text } of tunnels) expect(text).toMatch(/\x88.\x03\xe9this gateway is going away$/s);
  for (const post of posts) {
    expect([post.closed, post.text]).toEqual([false, '']);
    post.socket.write(half);
  }
  expect(await edge.process.exited).toBe(0);
  const exitedMs = performance.now() - startedAt;
  for (const { text } of posts) expect(text).toMatch(/^HTTP\/1\.1 200 .*took 2000/s);
  const endings = edge.process.lines.all.map(
    ({ path, ending }) => `${String(path)} ${String(ending)}`,
  );
  expect(endings.filter((one) => one === '/chat drained')).toHaveLength(webSockets);
  expect(endings.filter((one) => one === '/up complete')).toHaveLength(uploads);
  report('F42', { 'WebSockets told within ms': toldMs, 'exited after ms': exitedMs });
}, 120_000);
