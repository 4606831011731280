/** A request as the recorder got it, read leniently; who asked is told by X-Forwarded-For. */
export interface Received {
  readonly head: string;
  /** Of it all, as it came. */
  readonly text: string;
  /** Whether it came to its end. */
  readonly whole: boolean;
  /** Of its body, decoded. */
  readonly bodyBytes: number;
}

/** What came over one connection. */
export function readReceived(bytes: string): readonly Received[] {
  const found: Received[] = [];
  let rest = bytes;
  for (;;) {
    const headEnd = rest.indexOf('\r\n\r\n');
    if (headEnd < 0) {
      if (rest !== '') found.push({ head: rest, text: rest, whole: false, bodyBytes: 0 });
      return found;
    }
    const head = rest.slice(0, headEnd);
    const { length, bodyBytes } = readBody(head, rest.slice(headEnd + 4));
    const end = length === null ? rest.length : headEnd + 4 + length;
    found.push({ head, text: rest.slice(0, end), whole: length !== null, bodyBytes });
    if (length === null) return found;
    rest = rest.slice(end);
  }
}

/** `length` of what stands for the body; null: it has not come to its end. */
function readBody(head: string, rest: string): { length: number | null; bodyBytes: number } {
  if (!/^transfer-encoding:/im.test(head)) {
    const length = Number(lineOf(head, 'content-length') ?? 0);
    return { length: rest.length < length ? null : length, bodyBytes: length };
  }
  let bodyBytes = 0;
  for (let at = 0; ; ) {
    const [line, size = ''] = /^([0-9a-f]+)[^\r]*\r\n/i.exec(rest.slice(at)) ?? [];
    if (line === undefined) return { length: null, bodyBytes };
    const length = Number.parseInt(size, 16);
    at += line.length;
    if (length === 0) {
      const [trailers] = /^(?:[^\r]+\r\n)*\r\n/.exec(rest.slice(at)) ?? [];
      return { length: trailers === undefined ? null : at + trailers.length, bodyBytes };
    }
    if (rest.length < at + length + 2) return { length: null, bodyBytes };
    at += length + 2;
    bodyBytes += length;
  }
}

/** The value of the first line of this name. */
export function lineOf(head: string, name: string): string | null {
  return new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(head)?.[1] ?? null;
}
