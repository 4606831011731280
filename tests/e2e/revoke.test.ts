import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:tls';
import { type AdminApi, Browser, type StackUser } from '@sallyport/stack';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { json, openAdmin, pageOn, userOf } from '../support/cast.ts';
import { revoke } from '../support/revoke.ts';

const stack = inject('stack');
const alice = userOf(stack, 'alice');
const cutMsMax = 10_000;

let api: AdminApi;
let browser: Browser;

beforeEach(async () => {
  api = await openAdmin(stack);
  browser = await Browser.open(stack, alice.device);
  const answer = await browser.signIn(pageOn(stack, '/'), alice);
  expect(answer.status, answer.text).toBe(200);
});
afterEach(async () => {
  await Promise.all([api.close(), browser.close()]);
});

/** Status of the wiki on each edge. */
async function statuses(): Promise<number[]> {
  const answers = stack.edges.map((_, edge) =>
    browser.ask(pageOn(stack, '/', { edge }), { headers: json }),
  );
  return (await Promise.all(answers)).map(({ status }) => status);
}

const all = (status: number): number[] => stack.edges.map(() => status);

/** An open download: raw, so that its end is seen as it is. */
async function download(edge: number, user: StackUser) {
  const url = pageOn(stack, '/stream?seconds=60', { edge });
  const [ca, cert, key] = await Promise.all(
    [stack.ca, user.device.cert, user.device.key].map((file) => readFile(file)),
  );
  const socket = connect({
    host: '127.0.0.1',
    port: Number(url.port),
    servername: url.hostname,
    ca,
    cert,
    key,
  });
  socket.on('error', () => {});
  const cookie = browser.jar.header(url) ?? '';
  socket.write(
    `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nCookie: ${cookie}\r\n\r\n`,
  );
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  await expect.poll(() => text, { timeout: cutMsMax }).toMatch(/\r\n\r\n[\s\S]*1 \.\.\./);
  expect(text).toMatch(/^HTTP\/1\.1 200 /);
  return { closed: once(socket, 'close'), received: () => text };
}

describe('a revoke', () => {
  it('cuts an open WebSocket and an open download, with a receipt from each edge', async () => {
    const socket = browser.webSocket(pageOn(stack, '/ws', { edge: 0 }));
    socket.on('error', () => {});
    await once(socket, 'message');
    const closed = once(socket, 'close');
    const open = await download(1, alice);

    const revoked = await revoke(api, { kind: 'everyone' });

    expect(revoked.status).toBe(201);
    expect(revoked.enforced).toBe(true);
    expect(new Set(revoked.receipts.map(({ edgeId }) => edgeId))).toEqual(
      new Set(stack.edges.map(({ id }) => id)),
    );
    expect(revoked.receipts.every(({ status }) => status === 'enforced')).toBe(true);
    await Promise.all([closed, open.closed]);
    // Chunked, and cut: the client can tell that it did not get everything.
    expect(open.received()).not.toMatch(/\r\n0\r\n\r\n$/);
    expect(await statuses()).toEqual(all(401));
  });

  it('of a user ends all sessions of that user or blocks until it is lifted', async () => {
    await revoke(api, { kind: 'user', email: alice.email }, 'end');
    expect(await statuses()).toEqual(all(401));
    expect((await browser.signIn(pageOn(stack, '/'), alice)).status).toBe(200);

    const blocked = await revoke(api, { kind: 'user', email: alice.email });
    expect(await statuses()).toEqual(all(403));
    await api.delete(`/v1/revocations/${blocked.id}`);
    await expect.poll(statuses).toEqual(all(200));
  });

  it('of a device blocks that device alone', async () => {
    const carol = userOf(stack, 'carol');
    const other = await Browser.open(stack, carol.device);
    expect((await other.signIn(pageOn(stack, '/'), carol)).status).toBe(200);
    const blocked = await revoke(api, { kind: 'device', id: alice.device.id });
    expect(await statuses()).toEqual(all(403));
    const denial = await browser.ask(pageOn(stack, '/'), { headers: json });
    expect(denial.text).toContain('device_revoked');
    expect((await other.ask(pageOn(stack, '/'))).status).toBe(200);
    await api.delete(`/v1/revocations/${blocked.id}`);
    await expect.poll(statuses).toEqual(all(200));
    await other.close();
  });

  it('of one session leaves the others of the same user', async () => {
    const second = await Browser.open(stack, alice.device);
    expect((await second.signIn(pageOn(stack, '/'), alice)).status).toBe(200);
    const seen = await browser.ask(pageOn(stack, '/'), { headers: json });
    const { identity } = JSON.parse(seen.text) as { identity: { session: string } };
    const revoked = await revoke(api, { kind: 'session', id: identity.session });
    expect(revoked.enforced).toBe(true);
    expect(await statuses()).toEqual(all(401));
    expect((await second.ask(pageOn(stack, '/'))).status).toBe(200);
    await second.close();
  });
});
