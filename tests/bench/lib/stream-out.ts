import type { Writable } from 'node:stream';

const piece = Buffer.alloc(65_536, 'x');

/** Writes so many bytes, as fast as the other side takes them. */
export function streamOut(to: Writable, bytes: number): void {
  let rest = bytes;
  const more = (): void => {
    while (rest > 0) {
      const next = rest < piece.length ? piece.subarray(0, rest) : piece;
      rest -= next.length;
      if (!to.write(next) && rest > 0) {
        to.once('drain', more);
        return;
      }
    }
  };
  more();
}
