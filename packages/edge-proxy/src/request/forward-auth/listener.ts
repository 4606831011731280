import { createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import { type CurrentState, defaultListener } from '../../state/current.ts';
import type { ConnectionRoom } from '../../worker/connection-room.ts';
import { Admission } from '../1-listen/admission.ts';
import { connectionOf } from '../1-listen/connection.ts';
import { FrontConnections } from '../1-listen/front-connections.ts';
import { noFronts } from '../1-listen/fronts.ts';
import { type HandshakeEvents, Handshakes } from '../1-listen/handshakes.ts';
import { Http1Requests, http1Options, type RequestEvents } from '../1-listen/http1.ts';
import { type Listener, open } from '../1-listen/listener.ts';
import { type RefusedHandshake, refusedHandshake } from '../1-listen/refused-handshakes.ts';
import { ServerNames } from '../1-listen/server-names.ts';
import { contextOptions, handshakeTimeoutMs } from '../1-listen/tls-options.ts';
import type { ClientConnection } from '../exchange.ts';
import { lastGood } from '../last-good.ts';
import { peerCertificate } from '../peer-certificate.ts';
import type { HandshakeCode } from '../words.ts';
import { Askers } from './askers.ts';
import { frontRequests } from './requests.ts';

const tlsOptions = {
  ...contextOptions,
  ...http1Options,
  // Whatever a host asks of TLS, this link has it. Its other end is a server, not a browser.
  minVersion: 'TLSv1.3',
  ca: [],
  handshakeTimeout: handshakeTimeoutMs,
  requestCert: true,
  // Known by its fingerprint, not by who issued it.
  rejectUnauthorized: false,
  ALPNProtocols: ['http/1.1'],
} as const;

/** It speaks HTTP/1.1 alone, where an answer tells a client that the connection is at its end. */
export type VerdictListener = Omit<Listener, 'http2' | 'quiet'>;

/**
 * Where front proxies ask for verdicts: a listener of its own, so that nothing from the internet is
 * anywhere near it. Who may ask is known by the very certificate, looked at again with each question.
 */
export function createVerdictListener(
  state: CurrentState,
  room: ConnectionRoom,
  log: Log,
  clock: Clock,
  events: HandshakeEvents & RequestEvents,
): VerdictListener {
  const askers = new Askers(state, clock);
  const settings = lastGood(
    () => state.bundle()?.settings.listener ?? defaultListener,
    defaultListener,
  );
  const findNames = namesInForce(state, log);
  const server = createServer({
    ...tlsOptions,
    ca: [...tlsOptions.ca],
    ALPNProtocols: [...tlsOptions.ALPNProtocols],
    SNICallback: (serverName, done) => {
      try {
        done(null, findNames(serverName)?.context);
      } catch (error) {
        log.error('sni_failed', { error });
        done(null, undefined);
      }
    },
  });
  const frontProxies = lastGood(() => state.bundle()?.settings.frontProxies ?? noFronts, noFronts);
  const admission = new Admission(room, settings, frontProxies);
  // Nobody speaks for others here before the handshake.
  const connections = new FrontConnections(
    () => noFronts,
    admission,
    () => undefined,
  );
  const look = (socket: TLSSocket): ClientConnection | HandshakeCode | null => {
    const link = connectionOf(socket, findNames, nobody, settings);
    if (link === null || typeof link === 'string') return link;
    return askers.find(link) === null ? 'front_proxy_unknown' : link;
  };
  const lookAtRefused = (
    why: Error | HandshakeCode,
    socket: TLSSocket,
  ): RefusedHandshake | null => {
    const refused = refusedHandshake(why, socket, (name) => findNames(name) !== null, nobody);
    const shown = why === 'front_proxy_unknown' ? socket.getPeerX509Certificate() : undefined;
    // So that it can be seen who tried, or which certificate has to be registered.
    return refused === null || shown === undefined
      ? refused
      : { ...refused, peer: peerCertificate(shown) };
  };
  const handshakes = new Handshakes(look, lookAtRefused, events, log);
  handshakes.watch(server);
  new Http1Requests((socket) => handshakes.find(socket), {
    ...events,
    received: frontRequests(askers, events),
  }).serve(server);
  connections.guard(server);
  server.on('error', (error) => log.error('listener_failed', { error }));
  return {
    listen: (address) => open(server, address),
    openConnections: () => handshakes.size,
    connections: () => handshakes.connections(),
    refusedConnections: () => admission.refused,
    stop: () => {
      server.close();
      server.closeIdleConnections();
    },
    destroy: async () => {
      const gone = handshakes.destroy();
      connections.destroy();
      server.closeAllConnections();
      await gone;
    },
  };
}

const nobody = () => null;

/** As the public listener's, without the authorities of devices: fronts have no such certificate. */
function namesInForce(state: CurrentState, log: Log): ServerNames['find'] {
  let names = new ServerNames(state.serverCertificates(), []);
  state.onCredentialsChange(() => {
    try {
      names = new ServerNames(state.serverCertificates(), []);
    } catch (error) {
      log.error('forward_auth_contexts_not_replaced', { error });
    }
  });
  return (serverName) => names.find(serverName);
}
