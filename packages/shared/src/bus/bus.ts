import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { type Backoff, retryDelayMs } from '../retry.ts';
import {
  type BusCredentials,
  type Connection,
  openConnection,
  type Subscriber,
} from './connection.ts';
import { type BusServer, parseBusServer } from './server.ts';

/**
 * The bus: NATS as a second way for what is signed anyway, and as a wake-up. It may be away, slow
 * or hostile at any time; nothing waits for it, nothing throws because of it, and what it does not
 * take is dropped.
 */

export const busSubjects = {
  revoke: 'sallyport.v1.revoke',
  config: 'sallyport.v1.config',
  heartbeat: 'sallyport.v1.heartbeat',
  /** For subscribing. */
  all: 'sallyport.v1.>',
} as const;

export type BusEvent =
  | { readonly kind: 'connected'; readonly server: string }
  | { readonly kind: 'disconnected'; readonly server: string; readonly reason: string }
  /** The server refuses this to our certificate. */
  | { readonly kind: 'forbidden'; readonly operation: string; readonly subject: string };

export interface BusOptions {
  /** `tls://host:port`; one of them is used at a time. */
  readonly servers: readonly string[];
  /** Asked before each attempt, so that a renewed certificate needs no restart. */
  readonly credentials: () => BusCredentials;
  /** What the server's operators see. */
  readonly name: string;
  readonly log: Log;
  readonly onEvent?: (event: BusEvent) => void;
  readonly backoff?: Backoff;
  /** Twice this long without an answer ends a connection. Default: 5 s. */
  readonly pingMs?: number;
}

export interface Bus {
  /** False: dropped, because there is no connection or the server takes nothing. */
  publish(subject: string, payload: Uint8Array): boolean;
  /** Hears the subject from now on, over all connections. Returns how to stop it. */
  subscribe(subject: string, listener: (payload: Uint8Array, subject: string) => void): () => void;
  connected(): boolean;
  close(): Promise<void>;
}

const pingMsDefault = 5_000;
const backoffDefault: Backoff = { firstMs: 500, maxMs: 10_000 };

/**
 * Connects for ever, at once and behind the caller's back. Throws TypeError for a server that is
 * not `tls://host:port`.
 */
export function connectBus(options: BusOptions): Bus {
  const { name, log, onEvent = () => undefined, backoff = backoffDefault } = options;
  const servers = options.servers.map(parseBusServer);
  const subscribers = new Set<Subscriber>();
  const closing = new AbortController();
  const closed = Promise.withResolvers<string>();
  let live: Connection | null = null;

  /** One connection from its beginning to its end. False: there was none. */
  const serve = async (server: BusServer): Promise<boolean> => {
    const connection = await openConnection({
      server,
      credentials: options.credentials(),
      name,
      pingMs: options.pingMs ?? pingMsDefault,
      onForbidden: (operation, subject) => onEvent({ kind: 'forbidden', operation, subject }),
    });
    try {
      live = connection;
      for (const subscriber of subscribers) connection.subscribe(subscriber);
      log.info('bus.connected', { server: server.url });
      onEvent({ kind: 'connected', server: server.url });
      const reason = await Promise.race([connection.ended, closed.promise]);
      if (!closing.signal.aborted) log.warn('bus.disconnected', { server: server.url, reason });
      onEvent({ kind: 'disconnected', server: server.url, reason });
    } finally {
      live = null;
      connection.close();
    }
    return true;
  };

  const run = async (): Promise<void> => {
    let failures = 0;
    for (let turn = 0; !closing.signal.aborted; turn += 1) {
      const server = servers[turn % servers.length];
      if (server === undefined) return;
      const served = await serve(server).catch((error: unknown) => {
        // Said once, not at each attempt.
        if (failures === 0) {
          log.warn('bus.unreachable', { server: server.url, problem: problemOf(error) });
        }
        return false;
      });
      failures = served ? 0 : failures + 1;
      const waitMs = retryDelayMs(failures, backoff, Math.random());
      await delay(waitMs, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  };
  const running = run();

  return {
    publish: (subject, payload) => live?.publish(subject, payload) ?? false,
    subscribe(subject, listener) {
      const subscriber = { subject, listener: guarded(listener, log) };
      subscribers.add(subscriber);
      live?.subscribe(subscriber);
      return () => {
        subscribers.delete(subscriber);
        live?.unsubscribe(subscriber);
      };
    },
    connected: () => live !== null,
    async close() {
      closing.abort();
      closed.resolve('closed');
      await running;
    },
  };
}

/** In a few words: that nobody is there is no bug, and where it was noticed tells nothing. */
function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ('code' in error ? String(error.code) : error.name);
}

/** A listener that throws would end the library's reading. */
function guarded(listener: Subscriber['listener'], log: Log): Subscriber['listener'] {
  return (payload, subject) => {
    try {
      listener(payload, subject);
    } catch (error) {
      log.error('bus.listener_failed', { subject, error });
    }
  };
}
