import { connect, type Socket } from 'node:net';
import { proxyHeader } from '@sallyport/shared/testing/proxy-header';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawClient } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';
import { clientAt, forwardingFront, proxyFront, speakFrom, withFronts } from '../testing/front.ts';

/** Machines are busy at times. */
const patient = { timeout: 10_000 };

let edge: TestEdge;
const open: Socket[] = [];
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());
beforeEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  await expect.poll(() => edge.connectionRoom.open, patient).toBe(0);
});

async function limit(connections: { perAddress?: number; total?: number }): Promise<void> {
  const documents = withFronts(edge).map((document) =>
    document.kind === 'Settings'
      ? { ...document, spec: { ...document.spec, listener: { connections } } }
      : document,
  );
  await edge.apply('config', ...edge.configuration(documents));
}

/** Connections from an address that send this and no more. */
async function openMany(count: number, localAddress: string, bytes = ''): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () =>
    connect({ host: '127.0.0.1', port: edge.port, localAddress }),
  );
  open.push(...sockets);
  await Promise.all(
    sockets.map(async (socket) => {
      socket.on('error', () => undefined);
      // Reset at once, it may never be told that it was connected.
      await new Promise((resolve) => {
        socket.once('connect', resolve);
        socket.once('close', resolve);
      });
      if (bytes !== '' && !socket.destroyed) socket.write(bytes, 'latin1');
    }),
  );
  return sockets;
}

async function statusFrom(localAddress: string): Promise<number> {
  const client = await RawClient.connect(edge, 'pub.corp.test', edge.laptop, { localAddress });
  open.push(client.socket);
  client.send('GET / HTTP/1.1\r\nHost: pub.corp.test\r\n\r\n');
  return (await client.response()).status;
}

const refused = () => ({ ...edge.worker.refusedConnections() });
/** By how much the count of refused connections has grown. */
const since = (before: ReturnType<typeof refused>) => ({
  address: refused().address - before.address,
  total: refused().total - before.total,
  descriptors: refused().descriptors - before.descriptors,
});

describe('connections', () => {
  it.each([
    ['that send nothing', ''],
    ['that send half a hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('of one address %s leave room for others (row 21)', async (_name, bytes) => {
    await limit({ perAddress: 20 });
    const before = refused();
    const sockets = await openMany(300, '127.0.0.9', bytes);
    await expect
      .poll(() => since(before), patient)
      .toEqual({ address: 280, total: 0, descriptors: 0 });
    await expect.poll(() => sockets.filter((socket) => socket.destroyed).length, patient).toBe(280);
    expect(await statusFrom('127.0.0.10')).toBe(200);
    await expect(statusFrom('127.0.0.9')).rejects.toThrow();
    for (const socket of sockets) socket.destroy();
    await expect.poll(() => edge.connectionRoom.open, patient).toBe(1);
    expect(await statusFrom('127.0.0.9')).toBe(200);
  });

  it('are no more than all may have, whose addresses they are from (row 145)', async () => {
    await limit({ perAddress: 4, total: 6 });
    const before = refused();
    await openMany(4, '127.0.0.9');
    await openMany(3, '127.0.0.10');
    await expect
      .poll(() => since(before), patient)
      .toEqual({ address: 0, total: 1, descriptors: 0 });
    await expect(statusFrom('127.0.0.11')).rejects.toThrow();
    open.shift()?.destroy();
    await expect.poll(() => edge.connectionRoom.open, patient).toBe(5);
    expect(await statusFrom('127.0.0.11')).toBe(200);
  });

  it('are no more than there are file descriptors for (F27)', async () => {
    await limit({ total: 1_000 });
    const before = refused();
    const { descriptorsMax } = edge.connectionRoom;
    edge.connectionRoom.descriptorsMax = 2;
    await openMany(3, '127.0.0.9');
    await expect
      .poll(() => since(before), patient)
      .toEqual({ address: 0, total: 0, descriptors: 1 });
    edge.connectionRoom.descriptorsMax = descriptorsMax;
    expect(await statusFrom('127.0.0.9')).toBe(200);
  });

  it('of a front proxy are counted for the client that it names, and for nobody else', async () => {
    await limit({ perAddress: 2 });
    const before = refused();
    // It asks for many, and names them with each request.
    await openMany(5, forwardingFront);
    await expect.poll(() => edge.connectionRoom.open, patient).toBe(5);
    for (const address of ['203.0.113.7', '203.0.113.7', '203.0.113.8']) {
      open.push((await clientAt(edge, address)).socket);
    }
    expect(since(before)).toEqual({ address: 0, total: 0, descriptors: 0 });
    const third = await speakFrom(edge, proxyFront, proxyHeader('203.0.113.7'));
    await expect.poll(() => third.closed, patient).toBe(true);
    expect(since(before)).toEqual({ address: 1, total: 0, descriptors: 0 });
  });

  it('that are open stay when the settings ask for fewer', async () => {
    await limit({ perAddress: 3 });
    const client = await RawClient.connect(edge, 'pub.corp.test', edge.laptop, {
      localAddress: '127.0.0.9',
    });
    open.push(client.socket, ...(await openMany(2, '127.0.0.9')));
    await limit({ perAddress: 1 });
    client.send('GET / HTTP/1.1\r\nHost: pub.corp.test\r\n\r\n');
    expect((await client.response()).status).toBe(200);
    await expect(statusFrom('127.0.0.9')).rejects.toThrow();
  });
});
