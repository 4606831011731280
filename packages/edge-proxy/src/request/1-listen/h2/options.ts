import type { ServerOptions } from 'node:http2';

/** Limits of hardening.md section 3. Those of the gate stand below: it answers and records. */
export const http2Options = {
  settings: {
    maxConcurrentStreams: 100,
    initialWindowSize: 65_535,
    maxHeaderListSize: 65_536,
    headerTableSize: 4_096,
    enablePush: false,
    enableConnectProtocol: true,
  },
  // A browser may send each of its cookies as a line of its own.
  maxHeaderListPairs: 256,
  // Megabytes.
  maxSessionMemory: 10,
  maxOutstandingPings: 10,
  maxSettings: 32,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  streamResetBurst: 200,
  streamResetRate: 20,
  // What an upstream says twice goes on as it does over HTTP/1.1.
  strictSingleValueFields: false,
} as const satisfies ServerOptions;

/**
 * Bytes that all bodies of a connection together may have on their way to us. Node gives this back as
 * they arrive, read or not: what is held is bounded by the windows of the streams, 6.4 MiB for all.
 */
export const connectionWindowBytes = 1_048_576;
