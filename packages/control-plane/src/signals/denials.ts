import { isIP } from 'node:net';
import type { SessionFacts } from '@sallyport/policy';
import type { AccessRecord } from '@sallyport/shared/access-record';
import { isId } from '@sallyport/shared/ids';
import type { Denied } from '@sallyport/shared/signals/events';
import { readKnownPlace } from './read-place.ts';

/** What came later than this is history: a spool that was away for long is no burst of now. */
const ageMsMax = 86_400_000;
const codesMax = 16;

/**
 * Denials of signed-in people among access records. When it was is the edge's word, but never after
 * the record came.
 */
export function denialsOf(records: readonly AccessRecord[], nowMs: number): Denied[] {
  return records.flatMap((record) => denialOf(record, nowMs) ?? []);
}

function denialOf(record: AccessRecord, nowMs: number): Denied | null {
  const { outcome, userId, sid, deviceId, correlationId, route } = record;
  if (outcome !== 'deny' || userId === null || sid === null) return null;
  if (!isId('usr', userId) || !isId('ses', sid) || !/^[\w-]{1,64}$/.test(correlationId))
    return null;
  const saidMs = Date.parse(record.time);
  const atMs = Number.isNaN(saidMs) ? nowMs : Math.min(saidMs, nowMs);
  if (nowMs - atMs > ageMsMax) return null;
  return {
    kind: 'denied',
    id: correlationId,
    atMs,
    sourceAddress: isIP(record.sourceAddress) === 0 ? '' : record.sourceAddress,
    place: readKnownPlace(record.facts?.place),
    userId,
    deviceId: deviceId !== null && isId('dev', deviceId) ? deviceId : null,
    sid,
    route: route !== null && /^[a-z0-9-]{1,63}$/.test(route) ? route : null,
    reasons: [
      ...(onOtherDevice(record) ? ['session_other_device'] : []),
      ...record.reasons.filter((code) => /^[a-z_]{1,64}$/.test(code)),
    ].slice(0, codesMax),
  };
}

/** A cookie that left its device, whichever reason came first: without a certificate, another does. */
function onOtherDevice({ facts, deviceId }: AccessRecord): boolean {
  const session: Partial<SessionFacts> | undefined = facts?.session;
  if (session?.kind !== 'live') return false;
  return typeof session.deviceId === 'string' && session.deviceId !== deviceId;
}
