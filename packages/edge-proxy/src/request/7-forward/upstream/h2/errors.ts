import { constants } from 'node:http2';

/** It has too much to do. */
const busyCodes: ReadonlySet<number> = new Set([
  constants.NGHTTP2_REFUSED_STREAM,
  constants.NGHTTP2_ENHANCE_YOUR_CALM,
]);

/** Why a request over HTTP/2 got no whole response. */
export class Http2UpstreamError extends Error {
  override readonly name = 'Http2UpstreamError';
  readonly code:
    | 'ERR_SALLYPORT_UPSTREAM_PROTOCOL'
    | 'ERR_SALLYPORT_UPSTREAM_TIMEOUT'
    | 'ERR_SALLYPORT_UPSTREAM_RESPONSE'
    | 'ERR_SALLYPORT_UPSTREAM_LOST'
    | 'ERR_SALLYPORT_UPSTREAM_RESET'
    | 'ERR_SALLYPORT_UPSTREAM_BUSY';
  /** With which code the upstream gave the stream up; null: it did not. */
  readonly reset: number | null;

  constructor(code: Http2UpstreamError['code'], message: string, reset: number | null = null) {
    super(message);
    this.code = code;
    this.reset = reset;
  }
}

/** The upstream gave one stream up. */
export function resetError(reset: number): Http2UpstreamError {
  const code = busyCodes.has(reset)
    ? 'ERR_SALLYPORT_UPSTREAM_BUSY'
    : 'ERR_SALLYPORT_UPSTREAM_RESET';
  return new Http2UpstreamError(code, `the upstream reset the stream with code ${reset}`, reset);
}

/** Whether the upstream has said that it did nothing with the request: RFC 9113, section 8.7. */
export function wasRefused(error: Error): boolean {
  return error instanceof Http2UpstreamError && error.reset === constants.NGHTTP2_REFUSED_STREAM;
}

/** Whether the upstream has taken it back, as a server does with a call that nobody wants any more. */
export function wasCancelled(error: Error): boolean {
  return error instanceof Http2UpstreamError && error.reset === constants.NGHTTP2_CANCEL;
}
