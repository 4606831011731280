import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { proxyHeader } from '@sallyport/shared/testing/proxy-header';
import { RawClient } from './client.ts';
import { testDocuments } from './documents.ts';
import type { TestEdge } from './edge.ts';

/** Loopback addresses to speak from as front proxies of both kinds; 127.0.0.1 is nobody's. */
export const proxyFront = '127.0.0.2';
export const forwardingFront = '127.0.0.3';
/** Another of the second kind, which stands before it. */
export const outerFront = '198.51.100.1';

/** The documents of tests with these front proxies. */
export function withFronts(edge: TestEdge): ConfigurationDocument[] {
  return testDocuments(edge.pki, edge.upstream.port).map((document) =>
    document.kind === 'Settings'
      ? {
          ...document,
          spec: {
            ...document.spec,
            network: {
              ...document.spec.network,
              frontProxies: [
                { networks: [`${proxyFront}/32`], protocol: 'proxy-v2' },
                {
                  networks: [`${forwardingFront}/32`, `${outerFront}/32`],
                  protocol: 'x-forwarded-for',
                },
              ],
            },
          },
        }
      : document,
  );
}

/** A connection from a local address that begins with these bytes. */
export async function speakFrom(edge: TestEdge, from: string, bytes: Uint8Array): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: edge.port, localAddress: from });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  if (bytes.length > 0) socket.write(bytes);
  return socket;
}

/** A client with Alice's laptop behind the front proxy that speaks PROXY protocol. */
export async function clientAt(edge: TestEdge, address: string): Promise<RawClient> {
  const socket = await speakFrom(edge, proxyFront, proxyHeader(address));
  return RawClient.connect(edge, 'app.corp.test', edge.laptop, { socket });
}
