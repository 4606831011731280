import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** A prime: what is at an offset differs from what is a power of two further on. */
const period = 251;
const piece = Buffer.from(Array.from({ length: period * 256 }, (_, at) => at % period));
const bytesMax = 4 * 1024 * 1024 * 1024;
const eventsMax = 6_000;

/** What was sent, by its size and its SHA-256. */
export async function weigh(
  request: IncomingMessage,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    hash.update(chunk);
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** A file of that many bytes, of which the byte at an offset is its remainder by 251; or a range of it. */
export async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  asked: number,
): Promise<void> {
  const size = Math.min(Number.isSafeInteger(asked) && asked >= 0 ? asked : 0, bytesMax);
  const etag = `"${size}"`;
  const headers = {
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    etag,
  };
  const range = request.headers['if-range'] === undefined || request.headers['if-range'] === etag;
  const span = range ? readRange(request.headers.range, size) : null;
  if (span === 'unsatisfiable') {
    response.writeHead(416, { ...headers, 'content-range': `bytes */${size}` }).end();
    return;
  }
  const { first, end } = span ?? { first: 0, end: size };
  response.writeHead(span === null ? 200 : 206, {
    ...headers,
    'content-length': end - first,
    ...(span === null ? {} : { 'content-range': `bytes ${first}-${end - 1}/${size}` }),
  });
  if (request.method === 'HEAD') response.end();
  else await pipeline(Readable.from(pieces(first, end)), response);
}

/** One range of bytes: RFC 9110, section 14.1.2; null: there is none that is understood. */
function readRange(
  header: string | undefined,
  size: number,
): { readonly first: number; readonly end: number } | 'unsatisfiable' | null {
  const [, from = '', to = ''] = /^bytes=([0-9]*)-([0-9]*)$/.exec(header ?? '') ?? [];
  if (from === '' && to === '') return null;
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size : Math.min(size, Number(to) + 1);
  return first >= end ? 'unsatisfiable' : { first, end };
}

function* pieces(first: number, end: number): Generator<Buffer> {
  for (let at = first; at < end; ) {
    const from = at % period;
    const part = piece.subarray(from, Math.min(piece.length, from + end - at));
    at += part.length;
    yield part;
  }
}

/** Events of a stream come in this time, as something to watch. */
const eventEveryMs = 100;

/** An event after the other, numbered on from what the client had last. */
export async function sendEvents(
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const last = Number(request.headers['last-event-id'] ?? 0);
  for (let id = last + 1; id <= last + eventsMax && !response.destroyed; id += 1) {
    response.write(`id: ${id}\nevent: tick\ndata: number ${id}\n\n`);
    await sleep(eventEveryMs);
  }
  response.end();
}
