const nothing: Buffer = Buffer.alloc(0);

/**
 * Follows a WebSocket byte stream just closely enough to know whether it stands between two frames
 * (RFC 6455, section 5.2), where a frame of ours may be put in. Payloads are never looked at.
 */
export class FrameBoundary {
  /** Bytes of the current frame that are still to come. */
  #payload = 0;
  /** What there is of a frame's head that has not come whole. */
  #head = nothing;

  /** Takes the next bytes of the stream. */
  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#payload > 0) {
        const skipped = Math.min(this.#payload, rest.length);
        this.#payload -= skipped;
        rest = rest.subarray(skipped);
        continue;
      }
      const bytes = this.#head.length === 0 ? rest : Buffer.concat([this.#head, rest]);
      const size = headSize(bytes);
      if (bytes.length < size) {
        this.#head = Buffer.from(bytes);
        return;
      }
      this.#head = nothing;
      this.#payload = payloadSize(bytes);
      rest = bytes.subarray(size);
    }
  }

  /** Whether a frame may follow here. */
  get between(): boolean {
    return this.#payload === 0 && this.#head.length === 0;
  }
}

function headSize(bytes: Buffer): number {
  const second = bytes[1];
  if (second === undefined) return 2;
  const length = second & 0x7f;
  const extended = length === 126 ? 2 : length === 127 ? 8 : 0;
  return 2 + extended + ((second & 0x80) === 0 ? 0 : 4);
}

function payloadSize(bytes: Buffer): number {
  const length = (bytes[1] ?? 0) & 0x7f;
  if (length === 126) return bytes.readUInt16BE(2);
  return length === 127 ? Number(bytes.readBigUInt64BE(2)) : length;
}

/** A close frame as a server sends it: status code and reason, 123 bytes at the most. */
export function closeFrame(code: number, reason: string): Buffer {
  const text = Buffer.from(reason);
  const frame = Buffer.alloc(4 + text.length);
  frame[0] = 0x88;
  frame[1] = 2 + text.length;
  frame.writeUInt16BE(code, 2);
  text.copy(frame, 4);
  return frame;
}
