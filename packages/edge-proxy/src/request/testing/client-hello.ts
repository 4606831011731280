import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { TestEdge } from './edge.ts';

/** A ClientHello of TLS 1.2 written by hand, with whatever bytes a test wants for its name. */

const u8 = (value: number) => Buffer.of(value & 0xff);
const u16 = (value: number) => Buffer.of((value >> 8) & 0xff, value & 0xff);
/** With its length in front, in so many bytes. */
const sized = (bytes: number, ...parts: readonly Uint8Array[]) => {
  const content = Buffer.concat(parts);
  const length = Buffer.alloc(bytes);
  length.writeUIntBE(content.length, 0, bytes);
  return Buffer.concat([length, content]);
};
const extension = (type: number, ...parts: readonly Uint8Array[]) =>
  Buffer.concat([u16(type), sized(2, ...parts)]);

/** One entry of a list of server names; type 0 is a host's name. */
export function nameEntry(name: Uint8Array | string, type = 0): Buffer {
  return Buffer.concat([u8(type), sized(2, Buffer.from(name))]);
}

/** What stands in the extension of the server's name (RFC 6066, section 3). */
export function nameList(...entries: readonly Uint8Array[]): Buffer {
  return sized(2, ...entries);
}

/** The record; `serverName`: what stands in the extension, null: there is no such one. */
export function clientHello(serverName: Uint8Array | null): Buffer {
  const extensions = [
    ...(serverName === null ? [] : [extension(0, serverName)]),
    // Groups, point formats and signatures that the listener takes.
    extension(10, sized(2, u16(0x001d), u16(0x0017))),
    extension(11, sized(1, u8(0))),
    extension(13, sized(2, u16(0x0403), u16(0x0804), u16(0x0401))),
  ];
  const body = Buffer.concat([
    u16(0x0303),
    randomBytes(32),
    sized(1),
    sized(2, u16(0xc02b), u16(0xc02f)),
    sized(1, u8(0)),
    sized(2, ...extensions),
  ]);
  return record(Buffer.concat([u8(1), sized(3, body)]));
}

function record(fragment: Uint8Array): Buffer {
  return Buffer.concat([u8(22), u16(0x0301), sized(2, fragment)]);
}

/** The same handshake message in records of so many bytes (RFC 8446, section 5.1). */
export function inRecordsOf(bytes: number, hello: Uint8Array): Buffer {
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += bytes) {
    records.push(record(message.subarray(at, at + bytes)));
  }
  return Buffer.concat(records);
}

/** What the edge says to these bytes: it goes on with the handshake, or it does not. */
export async function answerTo(edge: TestEdge, hello: Uint8Array): Promise<'hello' | 'refused'> {
  const socket = connect(edge.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const first = new Promise<Buffer | null>((resolve) => {
    socket.once('data', resolve);
    socket.once('close', () => resolve(null));
  });
  socket.write(hello);
  const answer = await first;
  socket.destroy();
  // A record of the handshake with a ServerHello in it; alerts are records of type 21.
  return answer?.[0] === 22 && answer[5] === 2 ? 'hello' : 'refused';
}
