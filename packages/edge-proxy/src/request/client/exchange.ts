import type { Duplex } from 'node:stream';

/**
 * The client's side of a request, whatever protocol it came by. Everything behind the listener knows
 * these shapes alone, so that one way leads from the gate to the record for all of them.
 */

/**
 * A request as it was sent, in the form of HTTP/1.1: nothing has been joined, dropped or preferred
 * but what the protocol itself joins. The gate reads it.
 */
export interface RawRequest {
  /** The version of HTTP, as the client wrote it; `2` where it was agreed on before. */
  readonly version: string;
  readonly method: string;
  readonly target: string;
  /** Header lines, name and value by turns. */
  readonly lines: readonly string[];
  /** It asks to go on in another protocol. */
  readonly upgrading: boolean;
  /** Whether a body follows, as the protocol's frames say; null: the header lines say it. */
  readonly hasBody: boolean | null;
}

/** What the upstream or we say to the client, and what is left to read from it. */
export interface ClientExchange {
  /** A response has begun: no other one can be given. */
  readonly headersSent: boolean;
  /** Nobody can be answered any more. */
  readonly gone: boolean;
  /** All of the response has been handed to the system. */
  readonly finished: boolean;
  /** Bytes of the response that the client has not let us send yet; 0: it is not its turn. */
  readonly unsentBytes: number;
  /** It has become a tunnel: who opened that also ends the exchange. */
  readonly tunnelled: boolean;

  /** Called once when it is over on this side, in whatever way, but not if it became a tunnel. */
  onClose(listener: () => void): void;

  /**
   * Gives a whole answer of ours. What is left of the request's body, so many bytes at the most, is
   * not wanted; null: nobody knows how many.
   */
  answer(status: number, lines: string[], body: Buffer | null, unreadBytes: number | null): void;

  /**
   * Begins a response; name and value by turns. `write`, `end` and `breakOff` go on with it. `follows`:
   * with nothing it says so; only with trailers can there be any.
   */
  head(status: number, lines: string[], follows: 'nothing' | 'body' | 'trailers'): void;
  /** false: enough is waiting to leave; `onDrain` tells when more is welcome. */
  write(chunk: Buffer): boolean;
  /** Called once. */
  onDrain(listener: () => void): void;
  /** `trailers`: name and value by turns. */
  end(trailers: readonly string[]): void;
  /**
   * Ends it at once, so that no client can take what was sent for a whole response; `cancelled`:
   * because the upstream took it back, where a client can be told that.
   */
  breakOff(why?: 'cancelled'): void;
  /**
   * Nothing more is asked of this client's connection once this is answered. Where exchanges run
   * side by side on it, the others go on.
   */
  beLast(): void;

  /**
   * Set where only the verdict is asked for, by a front proxy that forwards by itself: says with these
   * lines that the request may pass. Nothing else of what is answered lets it pass.
   */
  permit?(lines: string[]): void;

  /** The client waits to be asked before it sends its body. */
  askForBody(): void;
  /** Hands the body on, once `resume` is called. At most once, and only where there is a body. */
  readBody(sink: BodySink): BodySource;

  /** Agrees to the protocol asked for: from here on there are only bytes, both ways. */
  tunnel(lines: readonly string[]): ClientTunnel;
}

export interface BodySink {
  onData(chunk: Buffer): void;
  onEnd(): void;
  /** It broke off; nothing comes after this. */
  onError(error: Error): void;
}

export interface BodySource {
  resume(): void;
  pause(): void;
  /** What is left is not wanted. The client can still be answered. */
  discard(): void;
}

export interface ClientTunnel extends Duplex {
  /** Called when no bytes have gone either way for so long. */
  setTimeout(milliseconds: number, listener: () => void): unknown;
}
