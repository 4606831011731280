import { once } from 'node:events';
import type { LookupFunction } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { Network } from '@sallyport/policy';
import { guardedLookup, hostAllowed } from '@sallyport/shared/network/lookup';
import { ExportFailure, failureWords } from '../failure.ts';
import { type Sender, syslogFrame } from './rfc5424.ts';
import type { Sink } from './sink.ts';

export interface SyslogSinkOptions extends Sender {
  readonly server: { readonly host: string; readonly port: number };
  /** PEM; null: the system's authorities. */
  readonly authorities: string | null;
  readonly internal: readonly Network[];
  /** For one batch, from the connection on. */
  readonly timeoutMs: number;
}

const batchMax = 500;

/**
 * Syslog over TLS. The protocol has no acknowledgement, so each batch is a connection of its own: it
 * is written, our side is closed, and the batch counts as sent when the server has closed its side,
 * too, without an error. A server that went away with a part unread resets the connection instead.
 */
export function createSyslogSink(options: SyslogSinkOptions): Sink {
  return {
    batchMax,
    async send(rows, signal) {
      const frames = Buffer.concat(rows.map((row) => syslogFrame(row, options)));
      const ended = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]);
      try {
        await deliver(options, frames, ended);
      } catch (error) {
        const reason = ended.aborted ? failureWords(ended.reason) : failureWords(error);
        throw new ExportFailure(`the syslog server did not take them: ${reason}`, {
          cause: error,
        });
      }
      return { rejected: 0 };
    },
    close: () => Promise.resolve(),
  };
}

async function deliver(
  options: SyslogSinkOptions,
  frames: Buffer,
  signal: AbortSignal,
): Promise<void> {
  const { server, authorities, internal } = options;
  if (!hostAllowed(server.host, internal)) {
    throw new ExportFailure('its address is in no network of Settings /spec/network/internal');
  }
  const socket = connect({
    host: server.host,
    port: server.port,
    lookup: guardedLookup(internal) as LookupFunction,
    minVersion: 'TLSv1.2',
    ...(authorities === null ? {} : { ca: authorities }),
  });
  const abort = () => socket.destroy(new ExportFailure('no answer in time'));
  signal.addEventListener('abort', abort, { once: true });
  // Every error is seen by whoever waits; one that comes after is of no use to anybody.
  socket.on('error', () => undefined);
  try {
    signal.throwIfAborted();
    await once(socket, 'secureConnect');
    await finish(socket, frames);
  } finally {
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}

/** Writes everything, closes our side, and waits until the server has closed its own. */
function finish(socket: TLSSocket, frames: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let wrote = false;
  socket.on('error', reject);
  socket.on('finish', () => {
    wrote = true;
  });
  socket.on('close', (failed: boolean) => {
    if (wrote && !failed) resolve();
    else reject(new ExportFailure('it closed the connection before the end'));
  });
  // What a server says is not for us, but unread it would keep its end from coming.
  socket.resume();
  socket.end(frames);
  return promise;
}
