import type { SignalEvent } from '@sallyport/shared/signals/events';
import type { Finding } from '@sallyport/shared/signals/finding';
import type { Whereabouts } from '@sallyport/shared/signals/travel';
import type { Evidence, EvidencePlace } from '../store/schema/index.ts';

/** Evidence without the session at the other end, which is looked up when the finding is written. */
export type SeenEvidence = Omit<Evidence, 'beforeSid'>;

/** What a finding rests on: the event, and of a journey where it was from. */
export function evidenceOf(event: SignalEvent, { from }: Finding): SeenEvidence {
  const before =
    from === null ? null : { atMs: from.atS * 1000, deviceId: null, place: from.place };
  return {
    kind: event.kind,
    here: { id: event.id, sourceAddress: event.sourceAddress, ...placeOf(event) },
    before: before === null ? null : placeOf(before),
    route: 'route' in event ? event.route : null,
  };
}

function placeOf({
  atMs,
  deviceId,
  place,
}: Whereabouts): Omit<EvidencePlace, 'id' | 'sourceAddress'> {
  return {
    atMs,
    deviceId,
    country: place?.country ?? null,
    region: place?.region ?? null,
    latitude: place?.coordinates?.latitude ?? null,
    longitude: place?.coordinates?.longitude ?? null,
    asn: place?.asn ?? null,
    egress: place?.egress ?? null,
  };
}
