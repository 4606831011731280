import type { TLSSocket } from 'node:tls';
import { Arrivals } from '../../testing/arrivals.ts';
import type { TestEdge } from './edge.ts';
import { closed, secureSocket } from './h2-socket.ts';

/** Types of frames, and bits in their heads: RFC 9113, section 6. */
export const types = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const endStream = 0x1;
export const endHeaders = 0x4;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export type Field = readonly [name: string, value: string];

/** A client of HTTP/2 that sends exactly the frames it is told to. */
export class FrameClient {
  readonly socket: TLSSocket;
  readonly frames = new Arrivals<Frame>();
  #unread: Buffer = Buffer.alloc(0);

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#unread = Buffer.concat([this.#unread, chunk]);
      this.#read();
    });
  }

  /** Says nothing by itself. */
  static over(socket: TLSSocket): FrameClient {
    return new FrameClient(socket);
  }

  /** Begins as a client has to: RFC 9113, section 3.4. */
  static begin(socket: TLSSocket): FrameClient {
    const client = new FrameClient(socket);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    client.send(types.settings, 0, 0);
    return client;
  }

  static async connect(edge: TestEdge, servername = 'app.corp.test'): Promise<FrameClient> {
    return FrameClient.begin(await secureSocket(edge, servername, edge.laptop));
  }

  send(type: number, flags: number, streamId: number, payload: Buffer = Buffer.alloc(0)): void {
    if (!this.socket.destroyed) this.socket.write(frame(type, flags, streamId, payload));
  }

  /** One request without a body. */
  ask(streamId: number, fields: readonly Field[]): void {
    this.send(types.headers, endHeaders | endStream, streamId, block(fields));
  }

  /** The first frame of the kind on the stream, which has come or will. */
  first(type: number, streamId: number): Promise<Frame> {
    return this.frames.first((one) => one.type === type && one.streamId === streamId);
  }

  async closed(): Promise<void> {
    await closed(this.socket);
  }

  close(): void {
    this.socket.destroy();
  }

  #read(): void {
    while (this.#unread.length >= 9) {
      const end = 9 + this.#unread.readUIntBE(0, 3);
      if (this.#unread.length < end) return;
      this.frames.push({
        type: this.#unread.readUInt8(3),
        flags: this.#unread.readUInt8(4),
        streamId: this.#unread.readUInt32BE(5),
        payload: this.#unread.subarray(9, end),
      });
      this.#unread = this.#unread.subarray(end);
    }
  }
}

export function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** Fields as literals without an index, byte by byte: RFC 7541, section 6.2.2. */
export function block(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

/** Of a regular request; `more` takes the place of what has the same name. */
export function requestFields(
  edge: TestEdge,
  cookie: string,
  more: Readonly<Record<string, string>> = {},
): Field[] {
  const usual = {
    ':method': 'GET',
    ':scheme': 'https',
    ':authority': `app.corp.test:${edge.port}`,
    ':path': '/',
  };
  return Object.entries({ ...usual, cookie, ...more });
}

/** RFC 7541, sections 5.1 and 5.2. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  const length: number[] = [];
  if (bytes.length < 127) {
    length.push(bytes.length);
  } else {
    length.push(127);
    let rest = bytes.length - 127;
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}
