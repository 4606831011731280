import type { KnownPlace } from '@sallyport/shared/signals/place';

function place(country: string, asn: number, latitude: number, longitude: number): KnownPlace {
  const coordinates = { latitude, longitude, accuracyKm: 20 };
  return { country, region: null, coordinates, asn, egress: null };
}

export const berlin: KnownPlace = place('DE', 3320, 52.52, 13.4);
/** The same network, in another cell. */
export const munich: KnownPlace = place('DE', 3320, 48.14, 11.58);
export const sydney: KnownPlace = place('AU', 1221, -33.87, 151.2);
export const lima: KnownPlace = place('PE', 6147, -12.05, -77.04);
/** A known way out: it says nothing of where anybody is. */
export const office: KnownPlace = { ...sydney, egress: 'office' };
