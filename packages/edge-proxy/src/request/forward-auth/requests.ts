import type { HandshakeEvents } from '../1-listen/handshakes.ts';
import type { RequestEvents } from '../1-listen/http1.ts';
import type { ClientConnection, PeerCertificate, ServedNames } from '../exchange.ts';
import type { Askers } from './askers.ts';
import { readAsked } from './question.ts';
import { ShownCertificates } from './shown-certificates.ts';
import { VerdictExchange } from './verdict-exchange.ts';

/** Makes the requests of front proxies those of their clients, and hands them on. */
export function frontRequests(
  askers: Askers,
  events: HandshakeEvents & RequestEvents,
): RequestEvents['received'] {
  const certificates = {
    nginx: new ShownCertificates('nginx'),
    'x-forwarded': new ShownCertificates('x-forwarded'),
  };
  return (link, raw, client, refusal) => {
    const asker = askers.find(link);
    if (asker === null) {
      client.breakOff();
      const { sourceAddress, serverName, peer } = link;
      events.refused({ code: 'front_proxy_unknown', sourceAddress, serverName, peer });
      return;
    }
    const asked = readAsked(raw, asker, certificates[asker.dialect]);
    if (typeof asked === 'string') {
      const exchange = new VerdictExchange(client, asker.dialect);
      events.received(clientOf(link, anyHost, link.sourceAddress, null), raw, exchange, asked);
      return;
    }
    const exchange = asked.kind === 'own' ? client : new VerdictExchange(client, asker.dialect);
    const connection = clientOf(link, asker, asked.source, asked.peer);
    events.received(connection, asked.raw, exchange, refusal ?? asked.refusal);
  };
}

/** Of what is refused in any case: which host the link was asked for says nothing. */
const anyHost: ServedNames = { covers: () => true };

/** The connection of who asked the front proxy, as far as anything is known of it. */
function clientOf(
  link: ClientConnection,
  names: ServedNames,
  address: string,
  peer: PeerCertificate | null,
): ClientConnection {
  return {
    ...link,
    names,
    socketAddress: address,
    sourceAddress: address,
    place: null,
    // The link's own certificate is the front proxy's.
    peer,
    lookedAtWith: null,
    forwards: false,
    lastCookies: null,
    lastOpened: null,
    lastRisk: null,
  };
}
