import type { IncomingMessage, ServerResponse } from 'node:http';

/** Bytes of a body nobody wants that are still read, so that the connection can go on. */
const discardedBytesMax = 65_536;
const discardMs = 5_000;

/**
 * Reads what is left of a body that nobody wants, for a short time. The client gets to read the
 * answer that way: closing at once would reset the connection under it.
 */
export function discardBody(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  const timer = setTimeout(() => request.destroy(), discardMs);
  timer.unref();
  request.once('close', () => clearTimeout(timer));
  request.on('error', ignore);
  request.resume();
}

/** Before an answer that leaves the body unread: closes the connection after it unless it is small. */
export function prepareToDiscard(
  response: ServerResponse,
  hasBody: boolean,
  contentLength: number | null,
): void {
  if (hasBody && (contentLength === null || contentLength > discardedBytesMax)) {
    response.shouldKeepAlive = false;
  }
}

function ignore(): void {
  // The client has gone; its exchange ends with the connection.
}
