import { constants } from 'node:http2';
import type { RefusalCode } from '../../words.ts';
import { http2Options } from './options.ts';

interface Sent {
  /** Header fields; null: nobody can tell. */
  readonly fields: number | null;
  /** It had been here when somebody last looked. */
  seen: boolean;
}

const none: readonly RefusalCode[] = [];

/** Requests that were sent and that the session has not said anything of, by their streams. */
export class Unannounced {
  readonly #sent = new Map<number, Sent>();
  readonly #unserved: (code: RefusalCode) => void;
  /** A stream may be reset before all of its headers are here. */
  #resetLast = { id: 0, code: 0 };
  #leaving = false;

  /** `unserved`: told of each that was reset before anybody could look at it. */
  constructor(unserved: (code: RefusalCode) => void) {
    this.#unserved = unserved;
  }

  add(streamId: number, fields: number | null): void {
    this.#sent.set(streamId, { fields, seen: false });
    const { id, code } = this.#resetLast;
    if (id === streamId) this.reset(id, code);
  }

  /** The session has announced it. false: not all that was sent of it. */
  announced(streamId: number, fields: number): boolean {
    const sent = this.#sent.get(streamId);
    this.#sent.delete(streamId);
    return sent?.fields === fields;
  }

  /** The session writes when it has announced all that it has read, so nothing more is to come. */
  reset(streamId: number, code: number): void {
    const sent = this.#sent.get(streamId);
    if (sent === undefined) {
      this.#resetLast = { id: streamId, code };
      return;
    }
    this.#sent.delete(streamId);
    if (this.#leaving && code === constants.NGHTTP2_REFUSED_STREAM) return;
    this.#unserved(unservedAs(sent, code));
  }

  /** From here on what is ignored is nobody's fault. */
  leave(): void {
    this.#leaving = true;
  }

  /** Of which nothing has been heard since this was last asked: why not. */
  overdue(): readonly RefusalCode[] {
    const overdue = this.#forget(({ seen }) => seen);
    for (const sent of this.#sent.values()) sent.seen = true;
    return overdue;
  }

  /**
   * The same of all: nothing more comes. Of a flood, which a connection breaks under, no more than may
   * run side by side: twenty bytes of a client are not worth a record each.
   */
  left(): readonly RefusalCode[] {
    return this.#forget(() => true).slice(0, http2Options.settings.maxConcurrentStreams);
  }

  #forget(which: (sent: Sent) => boolean): readonly RefusalCode[] {
    if (this.#sent.size === 0) return none;
    const forgotten: RefusalCode[] = [];
    for (const [streamId, sent] of this.#sent) {
      if (!which(sent)) continue;
      this.#sent.delete(streamId);
      if (!this.#leaving) forgotten.push(unservedAs(sent, null));
    }
    return forgotten;
  }
}

/** `code`: what its stream was reset with (RFC 9113, section 7); null: that is not known. */
function unservedAs({ fields }: Sent, code: number | null): RefusalCode {
  if ((fields ?? 0) > http2Options.maxHeaderListPairs) return 'headers_too_many';
  if (code === constants.NGHTTP2_REFUSED_STREAM) return 'pipeline_too_deep';
  return code === constants.NGHTTP2_ENHANCE_YOUR_CALM ? 'headers_too_large' : 'malformed';
}
