import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultProxy } from './fault-proxy.ts';
import { until } from './until.ts';

let server: Server;
let proxy: FaultProxy;
let accepted: Socket[];

beforeEach(async () => {
  accepted = [];
  // Says back what it hears.
  server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket);
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await FaultProxy.start(`127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterEach(async () => {
  await proxy.close();
  for (const socket of accepted) socket.destroy();
  server.close();
});

async function open() {
  const { hostname, port } = new URL(`tcp://${proxy.address}`);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  const seen = { bytes: Buffer.alloc(0), ended: false, failed: false };
  socket.on('data', (chunk: Buffer) => {
    seen.bytes = Buffer.concat([seen.bytes, chunk]);
  });
  socket.on('end', () => {
    seen.ended = true;
  });
  socket.on('error', () => {
    seen.failed = true;
  });
  // A reset may be quicker.
  await new Promise((done) => socket.once('connect', done).once('close', done));
  return { socket, seen };
}

const sample = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));

describe('the fault proxy', () => {
  it('gives every byte on in order, and the end of each side for itself', async () => {
    proxy.shape('both', { delayMs: 5, jitterMs: 10, bytesPerSecond: 5_000_000 });
    const { socket, seen } = await open();
    for (let at = 0; at < sample.length; at += 1_000) socket.write(sample.subarray(at, at + 1_000));
    socket.end();
    await until('the other side has ended', () => seen.ended);
    expect(seen.bytes.equals(sample)).toBe(true);
  });

  it('takes at least the time it was told to', async () => {
    proxy.shape('down', { delayMs: 80 });
    const { socket, seen } = await open();
    socket.write('a');
    const { tookMs } = await until('it came back', () => seen.bytes.length === 1);
    expect(tookMs).toBeGreaterThan(70);
    socket.destroy();
  });

  it('cuts in the middle, after as many bytes as were asked for', async () => {
    const { socket, seen } = await open();
    socket.write('x');
    await until('the first byte', () => seen.bytes.length === 1);
    proxy.cutAfter(700);
    socket.write(sample);
    await until('the cut', () => seen.failed || socket.destroyed);
    expect(seen.bytes.length).toBeLessThanOrEqual(701);
    expect(seen.ended).toBe(false);
    expect(proxy.open).toBe(0);
  });

  it('swallows one direction without a word, and lets it go on when healed', async () => {
    const { socket, seen } = await open();
    socket.write('x');
    await until('the first byte', () => seen.bytes.length === 1);
    proxy.blackHole('down');
    socket.write('yz');
    await until('the target got it', () => (accepted[0]?.bytesRead ?? 0) === 3);
    expect([seen.bytes.toString(), seen.ended, seen.failed]).toEqual(['x', false, false]);
    proxy.heal();
    await until('the rest', () => seen.bytes.toString() === 'xyz');
    socket.destroy();
  });

  it('does not tell of a close through a hole', async () => {
    const { socket, seen } = await open();
    socket.write('x');
    await until('the first byte', () => seen.bytes.length === 1);
    proxy.blackHole('both');
    accepted[0]?.destroy();
    socket.write('y');
    const next = await open();
    next.socket.write('z');
    expect([seen.ended, seen.failed, next.seen.bytes.length]).toEqual([false, false, 0]);
    proxy.heal();
    await until('the close', () => seen.ended || seen.failed);
    await until('the new connection', () => next.seen.bytes.toString() === 'z');
    next.socket.destroy();
    socket.destroy();
  });

  it('resets what is open and what comes, until healed', async () => {
    const { seen } = await open();
    proxy.refuse();
    await until('the reset', () => seen.failed);
    const refused = await open();
    await until('the refusal', () => refused.seen.failed);
    proxy.heal();
    const { socket, seen: good } = await open();
    socket.write('x');
    await until('the echo', () => good.bytes.length === 1);
    expect(proxy.accepted).toBe(3);
    socket.destroy();
  });
});
