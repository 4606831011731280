import {
  below,
  complain,
  type Place,
  readDuration,
  readEntries,
  readFields,
  readFlag,
  readOptional,
} from '../read.ts';
import type { ReasonCode } from '../reasons.ts';
import { and, type Truth, truthOf } from '../truth.ts';
import type { KnownDevice, View } from '../view.ts';
import { firstAfter, isYounger, youthChangesAtMs } from './age.ts';
import type { Condition, ConditionKind } from './condition.ts';
import { postureChangesAtMs, postureHolds, readPosture, type WantedPosture } from './posture.ts';

interface Wanted {
  readonly known: boolean | null;
  readonly managed: boolean | null;
  readonly ownedByUser: boolean | null;
  readonly posture: readonly WantedPosture[];
  /** null: of any age. */
  readonly certificateMaxAgeMs: number | null;
}

const parts = ['known', 'managed', 'ownedByUser', 'posture', 'certificateMaxAge'];

/**
 * `device`: what the request comes from. `false` is the plain opposite of `true`: what comes from
 * no device is also not managed and not owned, so that a deny rule about unmanaged devices cannot
 * be escaped by leaving the certificate at home. Nothing was observed of what comes from no device:
 * its posture is unknown, and so denies as well.
 */
export const device: ConditionKind = {
  compile(value, place) {
    const wanted = readWanted(value, place);
    if (wanted === null) return null;
    const { known, managed, ownedByUser, posture, certificateMaxAgeMs } = wanted;
    const ofDevice = posture.length > 0 || certificateMaxAgeMs !== null;
    if (known === false && (managed === true || ownedByUser === true || ofDevice)) {
      return complain(place, 'can never hold: only a known device is managed, owned or observed');
    }
    return conditionOf(wanted);
  },
};

function readWanted(value: unknown, place: Place): Wanted | null {
  const fields = readFields(value, place, [], parts);
  if (fields === null) return null;
  if (fields.size === 0) return complain(place, 'must not be empty');
  const known = readOptional(fields, 'known', place, readFlag);
  const managed = readOptional(fields, 'managed', place, readFlag);
  const ownedByUser = readOptional(fields, 'ownedByUser', place, readFlag);
  const maxAgeMs = readOptional(fields, 'certificateMaxAge', place, readDuration);
  const posture = fields.has('posture')
    ? readEntries(fields.get('posture'), below(place, 'posture'), readPosture)
    : [];
  if (known === null || managed === null || ownedByUser === null) return null;
  if (maxAgeMs === null || posture === null) return null;
  return {
    known: known ?? null,
    managed: managed ?? null,
    ownedByUser: ownedByUser ?? null,
    posture,
    certificateMaxAgeMs: maxAgeMs ?? null,
  };
}

function conditionOf(wanted: Wanted): Condition {
  return {
    field: 'device',
    steps: wanted.posture.length,
    holds: (view) => evaluate(wanted, view, view.device),
    ...(wanted.posture.length > 0 || wanted.certificateMaxAgeMs !== null
      ? { changesAtMs: (view) => changesAtMs(wanted, view) }
      : {}),
    reason: (view) => whyNot(wanted, view),
    fact: (view) => missingFact(wanted, view),
    aboutUser: wanted.ownedByUser !== null,
    sure: wanted.posture.length === 0,
  };
}

function evaluate(wanted: Wanted, view: View, found: KnownDevice | null): Truth {
  const plain = evaluatePlain(wanted, view, found);
  if (plain === 'false' || wanted.posture.length === 0) return plain;
  return wanted.posture.reduce<Truth>(
    (all, one) => and(all, postureHolds(one, view, found)),
    plain,
  );
}

/** All but what was observed. */
function evaluatePlain(wanted: Wanted, view: View, found: KnownDevice | null): Truth {
  if (wanted.known !== null && wanted.known !== (found !== null)) return 'false';
  if (wanted.managed !== null && wanted.managed !== (found?.managed ?? false)) return 'false';
  if (!hasYoungCertificate(wanted, view, found)) return 'false';
  return wanted.ownedByUser === null ? 'true' : isOwned(wanted.ownedByUser, view, found);
}

function hasYoungCertificate(
  { certificateMaxAgeMs }: Wanted,
  { facts }: View,
  found: KnownDevice | null,
): boolean {
  if (certificateMaxAgeMs === null) return true;
  return (
    found !== null && isYounger(found.certificateNotBeforeMs, certificateMaxAgeMs, facts.nowMs)
  );
}

/** Pending only where signing in could make the device the user's own. */
function isOwned(wish: boolean, view: View, found: KnownDevice | null): Truth {
  const owner = found?.ownerUserId ?? null;
  if (owner === null) return truthOf(!wish);
  return view.user === null ? 'pending' : truthOf(wish === (owner === view.user.id));
}

function changesAtMs({ posture, certificateMaxAgeMs }: Wanted, view: View): number {
  const { facts, device: found } = view;
  const atMs = found?.certificateNotBeforeMs ?? Number.NaN;
  return firstAfter(facts.nowMs, [
    youthChangesAtMs(atMs, certificateMaxAgeMs ?? Number.POSITIVE_INFINITY, facts.nowMs),
    ...posture.map((one) => postureChangesAtMs(one, view, found)),
  ]);
}

/** The first thing that the person would have to change. */
function whyNot(wanted: Wanted, view: View): ReasonCode | null {
  const presented = view.facts.device.kind === 'known' ? view.facts.device : null;
  if (presented === null) return 'device_certificate_missing';
  if (view.device === null && evaluate(wanted, view, presented) === 'true') {
    return 'session_without_device';
  }
  if (wanted.known === false) return null;
  if (wanted.managed === true && !presented.managed) return 'device_unmanaged';
  if (wanted.ownedByUser === true && isOwned(true, view, presented) === 'false') {
    return 'device_not_owned';
  }
  if (!hasYoungCertificate(wanted, view, presented)) return 'device_certificate_old';
  const isFalse = (one: WantedPosture) => postureHolds(one, view, presented) === 'false';
  return wanted.posture.some(isFalse) ? 'device_posture' : null;
}

function missingFact({ posture }: Wanted, view: View): string {
  const isMissing = (one: WantedPosture) => postureHolds(one, view, view.device) === 'unknown';
  return `device.posture.${posture.find(isMissing)?.name ?? ''}`;
}
