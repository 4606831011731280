import { createServer, type Server } from 'node:https';
import type { Log } from '@sallyport/shared/log';
import { type CurrentState, defaultListener } from '../../state/current.ts';
import type { ConnectionRoom } from '../../worker/connection-room.ts';
import type { ConnectionRefusal, ListenAddress } from '../../worker/request-worker.ts';
import type { ClientConnection } from '../exchange.ts';
import { lastGood } from '../last-good.ts';
import type { TurnedAwayCode } from '../words.ts';
import { Admission } from './admission.ts';
import { divertByProtocol, protocolChooser } from './alpn.ts';
import { connectionOf } from './connection.ts';
import { FrontConnections } from './front-connections.ts';
import { noFronts } from './fronts.ts';
import type { Http2Figures } from './h2/counts.ts';
import { Http2Sessions } from './h2/sessions.ts';
import { type HandshakeEvents, Handshakes } from './handshakes.ts';
import { Http1Requests, http1Options, type RequestEvents } from './http1.ts';
import { refusedHandshake } from './refused-handshakes.ts';
import { ServerNames } from './server-names.ts';
import { contextOptions, handshakeTimeoutMs } from './tls-options.ts';
import { UnusedConnections } from './unused-connections.ts';

const tlsOptions = {
  ...contextOptions,
  // No certificate of its own: a hello without a name that we serve ends in an alert.
  ca: [],
  handshakeTimeout: handshakeTimeoutMs,
  requestCert: true,
  // A bad device certificate must reach our own check, which says what is wrong with it (2-device).
  rejectUnauthorized: false,
};

/** A client that has said nothing for so long is asked whether it is still there. */
const quietMs = 60_000;

/** What the listener hands on. */
export interface ListenerEvents extends HandshakeEvents, RequestEvents {
  /** A front proxy did not say whom it speaks for; the connection is closed already. */
  turnedAway(sourceAddress: string, code: TurnedAwayCode): void;
}

export interface Listener {
  /** Opens it; resolves with the port, rejects where it cannot be opened. */
  listen(address: ListenAddress): Promise<number>;
  openConnections(): number;
  connections(): Iterable<ClientConnection>;
  /** Connections that there was no room for, by what was full. */
  refusedConnections(): Readonly<Record<ConnectionRefusal, number>>;
  http2(): Http2Figures;
  /** Takes no more connections, and closes those that are idle. */
  stop(): void;
  /** Resolves when no request can come any more that a client had sent before it knew of `stop`. */
  quiet(): Promise<void>;
  /** Destroys all connections; resolves when the last has gone. */
  destroy(): Promise<void>;
}

/** The public listener: TLS, the protocols, and what is refused before any of our code reads it. */
export function createListener(
  state: CurrentState,
  room: ConnectionRoom,
  log: Log,
  events: ListenerEvents,
): Listener {
  const findNames = namesInForce(state, log);
  const settings = lastGood(
    () => state.bundle()?.settings.listener ?? defaultListener,
    defaultListener,
  );
  const http2IsOn = () => settings().http2;
  // It speaks HTTP/1.1, and has to be the one that listens: Node arms the limits of time with that.
  const server = createServer({
    ...tlsOptions,
    ...http1Options,
    // A client that has vanished from a quiet connection is noticed: the kernel asks it.
    keepAlive: true,
    keepAliveInitialDelay: quietMs,
    ALPNCallback: protocolChooser(http2IsOn),
    SNICallback: (serverName, done) => {
      try {
        done(null, findNames(serverName)?.context);
      } catch (error) {
        log.error('sni_failed', { error });
        done(null, undefined);
      }
    },
  });
  const frontProxies = () => state.bundle()?.settings.frontProxies ?? noFronts;
  const admission = new Admission(room, settings, frontProxies);
  const fronts = new FrontConnections(frontProxies, admission, (sourceAddress, code) =>
    events.turnedAway(sourceAddress, code),
  );
  const handshakes = new Handshakes(
    (socket) => connectionOf(socket, findNames, (of) => fronts.clientOf(of), settings),
    (why, socket) =>
      refusedHandshake(
        why,
        socket,
        (name) => findNames(name) !== null,
        (of) => fronts.clientOf(of),
      ),
    events,
    log,
  );
  const http2 = new Http2Sessions((socket) => handshakes.find(socket), http2IsOn, events);
  const unused = new UnusedConnections();
  divertByProtocol(server, {
    h2: (socket) => http2.take(socket),
    http1: (socket) => {
      const client = handshakes.find(socket);
      if (client !== null) unused.watch(socket, client);
    },
  });
  state.onChange((change) => {
    if (change.bundleChanged) http2.look();
  });
  handshakes.watch(server);
  new Http1Requests((socket) => handshakes.find(socket), events).serve(server);
  fronts.guard(server);
  server.on('error', (error) => log.error('listener_failed', { error }));
  return {
    listen: (address) => open(server, address),
    openConnections: () => handshakes.size,
    connections: () => handshakes.connections(),
    refusedConnections: () => admission.refused,
    http2: () => http2.figures,
    stop: () => {
      server.close();
      server.closeIdleConnections();
      http2.stop();
    },
    quiet: () => http2.quiet(),
    destroy: async () => {
      const gone = handshakes.destroy();
      fronts.destroy();
      server.closeAllConnections();
      await gone;
      http2.close();
      unused.close();
    },
  };
}

/** Finds the names that are served now, by one of them; the last good ones where new ones are not. */
function namesInForce(state: CurrentState, log: Log): ServerNames['find'] {
  let names = buildNames(state);
  const refresh = (): void => {
    try {
      names = buildNames(state);
    } catch (error) {
      log.error('listener_contexts_not_replaced', { error });
    }
  };
  state.onChange((change) => {
    if (change.bundleChanged) refresh();
  });
  state.onCredentialsChange(refresh);
  return (serverName) => names.find(serverName);
}

function buildNames(state: CurrentState): ServerNames {
  return new ServerNames(state.serverCertificates(), state.bundle()?.deviceAuthoritiesPem ?? []);
}

/** Resolves with the port; rejects where the server cannot listen there. */
export function open(server: Server, address: ListenAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(
      { host: address.host, port: address.port, reusePort: address.reusePort, backlog: 1024 },
      () => {
        server.off('error', reject);
        const bound = server.address();
        if (bound === null || typeof bound === 'string') reject(new Error('no TCP address'));
        else resolve(bound.port);
      },
    );
  });
}
