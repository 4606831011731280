import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { Dice } from '@sallyport/shared/sync/simulation/random';
import type { TestEdge } from '../edge.ts';

/** The first bytes of a TLS connection for this name, as a client of ours writes them. */
export async function clientHello(servername: string): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false });
  client.on('error', () => undefined);
  const [socket] = await accepted;
  let hello = Buffer.alloc(0);
  while (hello.length < 5 || hello.length < 5 + hello.readUInt16BE(3)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    hello = Buffer.concat([hello, chunk]);
  }
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}

/** The hello with another name of the same length, of whatever bytes. */
export function withName(hello: Buffer, before: string, name: string): Buffer {
  const bytes = Buffer.from(name, 'latin1');
  const at = hello.indexOf(before);
  if (at < 0 || bytes.length !== before.length) throw new Error('the name does not fit');
  const other = Buffer.from(hello);
  bytes.copy(other, at);
  return other;
}

/** The hello after a few changes, most of them in the name and around it. */
export function changedHello(hello: Buffer, name: string, seed: number): Buffer {
  const dice = new Dice(seed);
  const other = Buffer.from(hello);
  const at = hello.indexOf(name);
  for (let left = dice.int(1, 6); left > 0; left -= 1) {
    const near = dice.chance(0.7);
    const from = near ? at - 12 : 0;
    const to = near ? at + name.length + 4 : hello.length - 1;
    other[dice.int(Math.max(0, from), to)] = dice.chance(0.3) ? 0 : dice.int(0, 255);
  }
  return dice.chance(0.1) ? other.subarray(0, dice.int(1, other.length)) : other;
}

/** Sends the bytes, and waits until the edge has closed the connection; gives what it said. */
export async function sendHello(edge: TestEdge, bytes: Uint8Array): Promise<Buffer> {
  const socket = connectTcp({ host: '127.0.0.1', port: edge.port });
  const chunks: Buffer[] = [];
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise<void>((done) => socket.once('close', () => done()));
  await once(socket, 'connect');
  socket.end(bytes);
  await closed;
  return Buffer.concat(chunks);
}
