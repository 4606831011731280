import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Case } from './corpus.ts';
import { host } from './corpus.ts';
import type { Field } from './fields.ts';

/** Where one of the three listens, and how. */
export interface Door {
  readonly port: number;
  /** PEM of the authority of its certificate; null: it speaks without TLS. */
  readonly ca: string | null;
}

/** Behind each odd request; what takes it for part of that one is found out by it. */
export const lastTarget = '/the-last';
const lastRequest = `GET ${lastTarget} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;

/** Nobody answers any more who was silent for so long. */
const silenceMs = 4_000;

/** Sends one case from this address, and waits for its end. Gives all that was answered. */
export async function send(door: Door, one: Case, from: string): Promise<string> {
  const socket = open(door, one, from);
  let answered = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    answered += chunk.toString('latin1');
    if (one.fields !== null && bothEnded(answered)) socket.destroy();
  });
  socket.setTimeout(silenceMs, () => socket.destroy());
  const bytes = one.fields === null ? one.bytes + lastRequest : framesOf(one);
  socket.write(bytes, 'latin1');
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return answered;
}

function open({ port, ca }: Door, { fields }: Case, localAddress: string): Socket {
  const to = { host: '127.0.0.1', port, localAddress };
  if (ca === null) return connectTcp(to);
  return connectTls({
    ...to,
    ca,
    servername: host,
    ALPNProtocols: [fields === null ? 'http/1.1' : 'h2'],
  });
}

const types = { data: 0, headers: 1, reset: 3, settings: 4, goAway: 7 } as const;
const endStream = 0x1;
const endHeaders = 0x4;

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** The case on stream 1, and a usual request on stream 3. */
function framesOf({ bytes, fields }: Case): string {
  const { head, trailers } = fields ?? { head: [], trailers: [] };
  const last: Field[] = [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', host],
    [':path', lastTarget],
  ];
  const bare = bytes === '' && trailers.length === 0;
  return [
    preface,
    frame(types.settings, 0, 0, ''),
    frame(types.headers, endHeaders | (bare ? endStream : 0), 1, block(head)),
    bytes === '' ? '' : frame(types.data, trailers.length === 0 ? endStream : 0, 1, bytes),
    trailers.length === 0 ? '' : frame(types.headers, endHeaders | endStream, 1, block(trailers)),
    frame(types.headers, endHeaders | endStream, 3, block(last)),
  ].join('');
}

function frame(type: number, flags: number, stream: number, payload: string): string {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return head.toString('latin1') + payload;
}

/** Fields as literals without an index: RFC 7541, section 6.2.2. */
function block(fields: readonly Field[]): string {
  return fields.map(([name, value]) => `\0${text(name)}${text(value)}`).join('');
}

/** RFC 7541, sections 5.1 and 5.2; up to 16,510 bytes. */
function text(value: string): string {
  if (value.length < 127) return String.fromCharCode(value.length) + value;
  const rest = value.length - 127;
  return `\x7f${String.fromCharCode((rest % 128) + 128, Math.floor(rest / 128))}${value}`;
}

/** Whether both streams have come to an end, or the connection has. */
function bothEnded(answered: string): boolean {
  const ended = new Set<number>();
  const bytes = Buffer.from(answered, 'latin1');
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    const [type, flags] = [bytes.readUInt8(at + 3), bytes.readUInt8(at + 4)];
    const stream = bytes.readUInt32BE(at + 5);
    if (type === types.goAway) return true;
    const ends = type === types.data || type === types.headers;
    if (type === types.reset || (ends && (flags & endStream) !== 0)) ended.add(stream);
  }
  return ended.has(1) && ended.has(3);
}
