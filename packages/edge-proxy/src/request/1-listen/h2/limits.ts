/** Milliseconds. */
export const http2Limits = {
  /** From the handshake to the first request, and for the headers of any. */
  headers: 10_000,
  /** Without a request. */
  idle: 60_000,
  /** A connection is left after this, and up to a tenth more so that not all go at once. */
  age: 3_600_000,
  /** For what a client has asked before it knew that no more is taken. */
  notice: 1_000,
  /** For a client to close what has been left and carries nothing any more. */
  farewell: 5_000,
  /** For what is under way where this protocol is spoken no more. */
  switchedOff: 30_000,
} as const;
