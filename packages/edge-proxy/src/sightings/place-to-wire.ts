import type { MessageInitShape } from '@bufbuild/protobuf';
import type { PlaceSchema } from '@sallyport/proto';
import type { KnownPlace } from '@sallyport/shared/signals/place';

/** A place as the control plane is told of it; null: nothing is known, and so the field is not there. */
export function placeToWire(place: KnownPlace | null): {
  readonly place?: MessageInitShape<typeof PlaceSchema>;
} {
  if (place === null) return {};
  const { country, region, coordinates, asn, egress } = place;
  return {
    place: {
      country: country ?? '',
      region: region ?? '',
      asn: asn ?? 0,
      egress: egress ?? '',
      ...(coordinates ?? {}),
    },
  };
}
