import type { DescribeSelfResponse } from '@sallyport/proto';
import type { SelfDescription } from '../worker/request-worker.ts';

/** Bounds of what is shown, whatever the control plane says. */
const rowsMax = 64;

/** What the control plane says of a person, as plain values. */
export function selfDescription(answer: DescribeSelfResponse): SelfDescription {
  return {
    email: answer.email,
    name: answer.name,
    sessions: answer.sessions.slice(0, rowsMax).map((session) => ({
      sid: session.sid,
      current: session.current,
      begunAtMs: Number(session.begunAtMs),
      expiresAtMs: Number(session.expiresAtMs),
      lastSeenAtMs: Number(session.lastSeenAtMs),
      deviceId: session.deviceId,
      sourceAddress: session.sourceAddress,
      userAgent: session.userAgent,
      country: session.country,
    })),
    devices: answer.devices.slice(0, rowsMax).map((device) => ({
      deviceId: device.deviceId,
      name: device.name,
      managed: device.managed,
      blocked: device.blocked,
      certificateExpiresAtMs: Number(device.certificateExpiresAtMs),
      lastSeenAtMs: Number(device.lastSeenAtMs),
    })),
    places: answer.places.slice(0, rowsMax).map((place) => ({
      country: place.country,
      region: place.region,
      egress: place.egress,
      deviceId: place.deviceId,
      lastSeenAtMs: Number(place.lastSeenAtMs),
    })),
    denials: answer.denials.slice(0, rowsMax).map((denial) => ({
      correlationId: denial.correlationId,
      atMs: Number(denial.atMs),
      host: denial.host,
      path: denial.path,
      outcome: denial.outcome,
      reasons: [...denial.reasons],
      deviceId: denial.deviceId,
    })),
  };
}
