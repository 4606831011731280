import { connect, type TLSSocket } from 'node:tls';
import type { Client } from './client.ts';

export interface KeepAliveEvents {
  /** It has nothing to do: its first time, or after an answer. */
  readonly ready: (connection: KeepAlive) => void;
  /** false: another status than 200, or none. */
  readonly answered: (connection: KeepAlive, ok: boolean) => void;
}

const headEnd = Buffer.from('\r\n\r\n');
const statusAt = 'HTTP/1.1 '.length;
const ok = Buffer.from('200');

/**
 * How long the first piece of a good answer was that left the connection open, and what came after
 * it. The next that begins with as much is like it, and is not read: a client must not be what is
 * measured.
 */
let usual = { first: -1, rest: 0 };

/**
 * A connection with one request in flight at the most, opened again whenever the server ends it,
 * as servers do after so many requests.
 */
export class KeepAlive {
  /** When its request was asked, or was due. */
  askedAt = 0;
  readonly #client: Client;
  readonly #request: Buffer;
  readonly #events: KeepAliveEvents;
  #socket: TLSSocket;
  #asking = false;
  #head: Buffer | null = null;
  #missing = -1;
  #good = false;
  #last = false;
  #closed = false;

  constructor(client: Client, request: Buffer, events: KeepAliveEvents) {
    this.#client = client;
    this.#request = request;
    this.#events = events;
    this.#socket = this.#open();
  }

  ask(at = performance.now()): void {
    this.askedAt = at;
    this.#asking = true;
    this.#socket.write(this.#request);
  }

  /** For good. */
  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  #open(): TLSSocket {
    const socket = connect(this.#client.tls);
    socket.setNoDelay(true);
    socket.once('secureConnect', () => {
      // It may have been asked for something meanwhile.
      if (!this.#asking) this.#events.ready(this);
    });
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => process.stderr.write(`${error.message}\n`));
    socket.on('close', () => {
      const asked = this.#asking;
      this.#asking = false;
      this.#head = null;
      this.#missing = -1;
      this.#last = false;
      if (this.#closed) return;
      if (asked) this.#events.answered(this, false);
      this.#socket = this.#open();
    });
    return socket;
  }

  #read(chunk: Buffer): void {
    if (this.#missing >= 0) {
      this.#missing -= chunk.length;
      if (this.#missing === 0) this.#done();
    } else if (this.#head === null && chunk.length === usual.first && isGood(chunk)) {
      this.#good = true;
      this.#missing = usual.rest;
      if (this.#missing === 0) this.#done();
    } else {
      this.#readHead(this.#head === null ? chunk : Buffer.concat([this.#head, chunk]));
    }
  }

  #readHead(bytes: Buffer): void {
    const end = bytes.indexOf(headEnd);
    if (end < 0) {
      this.#head = bytes;
      return;
    }
    const text = bytes.toString('latin1', 0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
    if (length === undefined) throw new Error(`unexpected answer:\n${text}`);
    this.#good = isGood(bytes);
    if (!this.#good) tellOnce(text);
    this.#last = /\r\nconnection: *close/i.test(text);
    this.#missing = Number(length) - (bytes.length - end - headEnd.length);
    if (this.#head === null && this.#good && !this.#last) {
      usual = { first: bytes.length, rest: this.#missing };
    }
    this.#head = null;
    if (this.#missing === 0) this.#done();
  }

  #done(): void {
    this.#missing = -1;
    this.#asking = false;
    this.#events.answered(this, this.#good);
    if (this.#last) this.#socket.end();
    else this.#events.ready(this);
  }
}

let told = false;

/** The first answer that was not expected is enough to know why. */
function tellOnce(answer: string): void {
  if (!told) process.stderr.write(`unexpected answer:\n${answer}\n`);
  told = true;
}

function isGood(bytes: Buffer): boolean {
  return bytes.compare(ok, 0, ok.length, statusAt, statusAt + ok.length) === 0;
}
