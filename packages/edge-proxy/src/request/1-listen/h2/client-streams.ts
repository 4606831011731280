/** Of those that were reset. */
const resetsKept = 1_000;

/**
 * The streams on which a client may still send: those of requests that have not come to their end.
 * nghttp2 skips what comes on others, however much, as long as they have been there (RFC 9113,
 * section 5.1, wants an end of the connection).
 */
export class ClientStreams {
  /** No more than may run side by side, and those that are ignored in the end. */
  readonly #open = new Set<number>();
  /** By us: what was on its way meanwhile still comes. */
  readonly #reset = new Set<number>();
  #last = 0;

  /** The number was there before, or was passed over. */
  isLate(streamId: number): boolean {
    return streamId > 0 && streamId <= this.#last;
  }

  /** Whether it may still send on a late one. */
  mayGoOn(streamId: number): boolean {
    return this.#open.has(streamId) || this.#reset.has(streamId);
  }

  /** It asks for something, and its body is to come. */
  open(streamId: number): void {
    if (!this.isLate(streamId)) this.#open.add(streamId);
  }

  /** All of its headers have come. */
  begun(streamId: number): void {
    this.#last = streamId;
  }

  /** The client has said all, or has taken it back. */
  end(streamId: number): void {
    this.#open.delete(streamId);
    this.#reset.delete(streamId);
  }

  /** We want no more of it. */
  reset(streamId: number): void {
    if (!this.#open.delete(streamId)) return;
    this.#reset.add(streamId);
    if (this.#reset.size <= resetsKept) return;
    const [oldest = 0] = this.#reset;
    this.#reset.delete(oldest);
  }
}
