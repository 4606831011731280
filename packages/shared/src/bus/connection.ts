import type { NatsConnection, Subscription } from 'nats';
import { type BusServer, greets, tlsNameOf } from './server.ts';

/**
 * One connection to one server. This file alone knows the library. It is not left to reconnect:
 * while it does, it keeps what is published without a bound, and it checks the server's certificate
 * for another name where it was given an address.
 */

/** PEM. */
export interface BusCredentials {
  /** Authorities of the server's certificate. */
  readonly ca: string;
  readonly certificate: string;
  readonly privateKey: string;
}

export interface Subscriber {
  readonly subject: string;
  /** Does not throw. */
  readonly listener: (payload: Uint8Array, subject: string) => void;
}

export interface Connection {
  /** Resolves with the reason once nothing comes any more. */
  readonly ended: Promise<string>;
  publish(subject: string, payload: Uint8Array): boolean;
  subscribe(subscriber: Subscriber): void;
  unsubscribe(subscriber: Subscriber): void;
  close(): void;
}

export interface ConnectionOptions {
  readonly server: BusServer;
  readonly credentials: BusCredentials;
  readonly name: string;
  readonly pingMs: number;
  /** The server refuses a subject to this certificate. */
  readonly onForbidden: (operation: string, subject: string) => void;
}

/** What was handed over and is not confirmed yet, bytes; more is dropped. */
const unconfirmedBytesMax = 4 * 1024 * 1024;
const greetingTimeoutMs = 3_000;
const connectTimeoutMs = 5_000;

/** Opens a connection. Rejects with whatever was the matter. */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const { server, credentials, name, pingMs } = options;
  if (!(await greets(server, greetingTimeoutMs))) throw new Error('there is no answer');
  // Only where there is a bus.
  const { connect } = await import('nats');
  const nats = await connect({
    servers: `${server.host.includes(':') ? `[${server.host}]` : server.host}:${server.port}`,
    name,
    // The system's resolver is asked, which knows the names of this machine, too.
    resolve: false,
    reconnect: false,
    ignoreClusterUpdates: true,
    timeout: connectTimeoutMs,
    // The first ping after one interval, and the end after another without its answer.
    pingInterval: pingMs,
    maxPingOut: 1,
    tls: {
      ca: credentials.ca,
      cert: credentials.certificate,
      key: credentials.privateKey,
      ...tlsNameOf(server),
      ...{ minVersion: 'TLSv1.3' },
    },
  });
  return wrap(nats, options.onForbidden);
}

function wrap(nats: NatsConnection, onForbidden: ConnectionOptions['onForbidden']): Connection {
  const ended = Promise.withResolvers<string>();
  void nats.closed().then((error) => ended.resolve(error?.message ?? 'closed'));
  void watch(nats, (reason) => ended.resolve(reason), onForbidden);
  const subscriptions = new Map<Subscriber, Subscription>();
  const room = unconfirmedRoom(nats);
  return {
    ended: ended.promise,
    publish(subject, payload) {
      if (!room.take(payload.length)) return false;
      try {
        nats.publish(subject, payload);
        return true;
      } catch {
        // Larger than the server takes, or just closed.
        return false;
      }
    },
    subscribe(subscriber) {
      const { subject, listener } = subscriber;
      const subscription = nats.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) listener(message.data, message.subject);
          else onForbidden('subscription', subject);
        },
      });
      subscriptions.set(subscriber, subscription);
    },
    unsubscribe(subscriber) {
      subscriptions.get(subscriber)?.unsubscribe();
      subscriptions.delete(subscriber);
    },
    close() {
      // Destroys the socket at once: a server that takes nothing is not waited for.
      void nats.close().catch(() => undefined);
    },
  };
}

/** Follows what the library says of the connection; ends with it. */
async function watch(
  nats: NatsConnection,
  lost: (reason: string) => void,
  onForbidden: ConnectionOptions['onForbidden'],
): Promise<void> {
  for await (const { type, permissionContext } of nats.status()) {
    // Told before the library tries to close in good order, which may take for ever.
    if (type === 'staleConnection') lost('no answer to a ping');
    if (permissionContext?.operation === 'publish') {
      onForbidden('publish', permissionContext.subject);
    }
  }
}

/** Counts what the server has not confirmed, by one flush at a time. */
function unconfirmedRoom(nats: NatsConnection): { take(bytes: number): boolean } {
  let unconfirmed = 0;
  let flushing = false;
  const confirm = async (): Promise<void> => {
    flushing = true;
    try {
      while (unconfirmed > 0) {
        const asked = unconfirmed;
        await nats.flush();
        unconfirmed -= asked;
      }
    } catch {
      // The connection is over, and this with it.
    } finally {
      flushing = false;
    }
  };
  return {
    take(bytes) {
      if (unconfirmed > 0 && unconfirmed + bytes > unconfirmedBytesMax) return false;
      unconfirmed += bytes;
      // After what is published now, so that the answer speaks of it, too.
      if (!flushing) queueMicrotask(() => void (flushing || confirm()));
      return true;
    },
  };
}
