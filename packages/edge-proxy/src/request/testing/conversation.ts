import type { TestEdge } from './edge.ts';
import { FrameClient, frame, types } from './frames.ts';

/** What came of frames that were sent: RFC 9113, section 5.4. */
export interface Heard {
  /** The code of the last GOAWAY that was heard; null: none was. */
  readonly goAway: number | null;
  /** The connection goes on: it answers. */
  readonly alive: boolean;
}

const pingBytes = Buffer.from('are-you?');
const ack = 0x1;

/** A client that sends the bytes it is given, and hears what comes of them. */
export class Conversation {
  readonly raw: FrameClient;
  readonly #closed: Promise<void>;
  #open = true;
  readonly #pieces: boolean;

  constructor(raw: FrameClient, pieces: boolean) {
    this.raw = raw;
    this.#pieces = pieces;
    this.#closed = raw.closed().then(() => {
      this.#open = false;
    });
  }

  /** `pieces`: each byte travels alone. */
  static async open(edge: TestEdge, pieces = false): Promise<Conversation> {
    const raw = await FrameClient.connect(edge);
    raw.socket.setNoDelay(true);
    // The settings of both sides are known from here on.
    await raw.first(types.settings, 0);
    raw.send(types.settings, ack, 0);
    return new Conversation(raw, pieces);
  }

  send(bytes: Buffer): void {
    const { socket } = this.raw;
    if (!this.#pieces) socket.write(bytes);
    else for (const byte of bytes) socket.write(Buffer.of(byte));
  }

  /** All that was sent has been read, or the connection has ended. */
  async heard(): Promise<Heard> {
    this.send(frame(types.ping, 0, 0, pingBytes));
    const answered = this.raw.frames.first(
      ({ type, flags, payload }) =>
        type === types.ping && flags === ack && payload.equals(pingBytes),
    );
    await Promise.race([answered, this.#closed]);
    const goAway = this.raw.frames.all.findLast(({ type }) => type === types.goAway);
    return { goAway: goAway?.payload.readUInt32BE(4) ?? null, alive: this.#open };
  }

  /** The first thing that is said on the stream: a status, or the code of its reset; null: nothing. */
  async said(streamId: number): Promise<string | null> {
    const said = await Promise.race([
      this.raw.frames.first(
        ({ type, streamId: on }) =>
          on === streamId && (type === types.headers || type === types.reset),
      ),
      this.#closed,
    ]);
    if (said === undefined) return null;
    if (said.type === types.headers) return `status ${statusOf(said.payload)}`;
    return `reset ${said.payload.readUInt32BE(0)}`;
  }

  /** Whether the stream came to a regular end. */
  async ended(streamId: number): Promise<boolean> {
    const end = await Promise.race([
      this.raw.frames.first(
        ({ type, flags, streamId: on }) =>
          on === streamId && (type === types.reset || (type <= types.headers && (flags & 1) === 1)),
      ),
      this.#closed,
    ]);
    return end !== undefined && end.type !== types.reset;
  }

  close(): void {
    this.raw.close();
  }
}

/** From 8 on, in the static table of RFC 7541, appendix A. */
const staticStatuses = [200, 204, 206, 304, 400, 404, 500];
/** Digits in the code of Huffman; RFC 7541, appendix B. */
const digits = new Map(
  [
    '00000',
    '00001',
    '00010',
    '011001',
    '011010',
    '011011',
    '011100',
    '011101',
    '011110',
    '011111',
  ].map((bits, digit) => [bits, digit] as const),
);

/** Of the first response on a connection, whose `:status` no dynamic table stands for. */
function statusOf(block: Buffer): number {
  let at = 0;
  while (((block[at] ?? 0) & 0xe0) === 0x20) at = sizeUpdateEnd(block, at);
  const first = block[at] ?? 0;
  if (first >= 0x80) return staticStatuses[(first & 0x7f) - 8] ?? 0;
  const length = block[at + 1] ?? 0;
  const text = block.subarray(at + 2, at + 2 + (length & 0x7f));
  return Number(length < 0x80 ? text.toString('latin1') : huffmanDigits(text));
}

function sizeUpdateEnd(block: Buffer, at: number): number {
  if (((block[at] ?? 0) & 0x1f) < 0x1f) return at + 1;
  let end = at + 1;
  while (((block[end] ?? 0) & 0x80) !== 0) end += 1;
  return end + 1;
}

function huffmanDigits(text: Buffer): string {
  const bits = [...text].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  let read = '';
  for (let at = 0; at < bits.length && read.length < 3; ) {
    const size = digits.has(bits.slice(at, at + 5)) ? 5 : 6;
    read += String(digits.get(bits.slice(at, at + size)) ?? '?');
    at += size;
  }
  return read;
}
