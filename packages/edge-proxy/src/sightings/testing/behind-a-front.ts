import type { Socket } from 'node:net';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { writeAsnMmdb, writeCityMmdb } from '@sallyport/shared/testing/mmdb';
import { proxyHeader } from '@sallyport/shared/testing/proxy-header';
import type { PlaceReader } from '../../places/reader.ts';
import { call, type RawResponse } from '../../request/testing/client.ts';
import type { TestEdge } from '../../request/testing/edge.ts';
import { proxyFront, speakFrom } from '../../request/testing/front.ts';
import { berlin, sydney } from './places.ts';

/** Addresses that are in berlin and in sydney. */
export const inBerlin = '198.51.100.7';
export const inSydney = '203.0.113.7';

/** Data on places in which those addresses are. */
export async function usePlaces(places: PlaceReader): Promise<void> {
  const all = [
    ['198.51.100.0/24', berlin],
    ['203.0.113.0/24', sydney],
  ] as const;
  const city = all.map(([network, { country, coordinates }]) => ({
    network,
    country: country ?? '',
    ...coordinates,
  }));
  const asn = all.map(([network, place]) => ({ network, asn: place.asn ?? 0 }));
  await places.use({ city: [shared(writeCityMmdb(city))], asn: [shared(writeAsnMmdb(asn))] });
}

function shared(file: Uint8Array) {
  const bytes = new SharedArrayBuffer(file.length);
  new Uint8Array(bytes).set(file);
  return { bytes };
}

/** The same behind a front proxy on this machine, which says where clients are. */
export function behindAFront(documents: readonly ConfigurationDocument[]): ConfigurationDocument[] {
  const frontProxies = [{ networks: [`${proxyFront}/32`], protocol: 'proxy-v2' as const }];
  return documents.map((document) =>
    document.kind === 'Settings'
      ? {
          ...document,
          spec: { ...document.spec, network: { ...document.spec.network, frontProxies } },
        }
      : document,
  );
}

/** One request of Alice's laptop from an address, on a connection of its own. */
export async function getFrom(
  edge: TestEdge,
  address: string,
  cookie: string,
): Promise<RawResponse> {
  return call(edge, { cookie, socket: await socketFrom(edge, address) });
}

/** A connection out of the front proxy, for a client at the address. */
export function socketFrom(edge: TestEdge, address: string): Promise<Socket> {
  return speakFrom(edge, proxyFront, proxyHeader(address));
}
