import type { SignalEvent } from '@sallyport/shared/signals/events';
import type { Finding } from '@sallyport/shared/signals/finding';
import type { PlaceSeen, UserHistory } from '@sallyport/shared/signals/history-model';
import type { DetectorSettings } from '@sallyport/shared/signals/settings';
import { judgeTravel, type Whereabouts } from '@sallyport/shared/signals/travel';
import type { Evidence, EvidencePlace } from '../store/schema/index.ts';

/** What a finding rests on: the event, and where the user had been. */
export function evidenceOf(
  event: SignalEvent,
  finding: Finding,
  history: UserHistory,
  settings: DetectorSettings,
): Evidence {
  return {
    kind: event.kind,
    here: { id: event.id, sourceAddress: event.sourceAddress, ...placeOf(event) },
    before: travels.has(finding.detector) ? placeBefore(event, history, settings) : null,
    route: 'route' in event ? event.route : null,
  };
}

const travels: ReadonlySet<string> = new Set(['impossible-travel', 'distant-sessions']);

/** The place that nobody comes from so fast; devices are of no matter, because the detector said so. */
function placeBefore(
  event: SignalEvent,
  history: UserHistory,
  settings: DetectorSettings,
): Evidence['before'] {
  const thresholds = settings['impossible-travel'];
  const here: Whereabouts = { ...event, deviceId: null };
  const from = history.places
    .map((seen) => ({ ...whereaboutsOf(seen), deviceId: null }))
    .find((there) => judgeTravel(there, here, thresholds) !== null);
  return from === undefined ? null : placeOf(from);
}

function whereaboutsOf({ atS, place }: PlaceSeen): Whereabouts {
  return { atMs: atS * 1000, deviceId: null, place };
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
