import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

type Done = (error?: Error | null) => void;

/**
 * What a session of HTTP/2 takes for its connection, so that somebody can look at what goes through.
 *
 * Node puts a socket of its own around a stream that is none, and that one asserts that nothing is
 * written while its end is under way: anybody could end the process by an odd request and the end of its
 * connection, because the session answers the one within the turn of the other. So the end of the other
 * side is the end of all here, and an end of ours is over at once: what is written behind it is dropped,
 * and the connection itself ends when all before that has left.
 */
export class SessionSocket extends Duplex {
  protected readonly socket: Socket;
  /** The other side has ended, and all that it said is here. */
  #heardAll = false;

  constructor(socket: Socket) {
    super();
    this.socket = socket;
    socket.on('end', () => {
      this.#heardAll = true;
      if (this.readableLength === 0) this.destroy();
    });
  }

  override write(chunk: unknown, encoding?: BufferEncoding | Done, done?: Done): boolean {
    const written = typeof encoding === 'function' ? encoding : done;
    if (!this.writableEnded) return super.write(chunk, 'buffer' as BufferEncoding, written);
    if (written !== undefined) process.nextTick(written);
    return true;
  }

  override _read(): void {
    if (this.#heardAll) this.destroy();
    else this.socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.socket.write(chunk, done);
  }

  /** What belongs together leaves together. */
  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    const last = chunks.length - 1;
    this.socket.cork();
    for (const [at, { chunk }] of chunks.entries()) {
      this.socket.write(chunk, at === last ? done : undefined);
    }
    this.socket.uncork();
  }

  override _final(done: Done): void {
    this.socket.end();
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    if (error === null && (this.writableEnded || this.#heardAll)) this.socket.destroySoon();
    else this.socket.destroy();
    done(error);
  }
}
