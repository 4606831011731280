import { create } from '@bufbuild/protobuf';
import { type DescribeSelfResponse, DescribeSelfResponseSchema } from '@sallyport/proto';
import type { OwnView } from '../store/own-view.ts';

const pathLengthMax = 256;

/** What a person may know of themselves, as it goes to the edge. */
export function wireSelf(view: OwnView & { readonly sid: string }): DescribeSelfResponse {
  return create(DescribeSelfResponseSchema, {
    email: view.email,
    name: view.name,
    sessions: view.sessions.map(({ session }) => ({
      sid: session.sid,
      current: session.sid === view.sid,
      begunAtMs: BigInt(session.issuedAtMs),
      expiresAtMs: BigInt(session.expiresAtMs),
      lastSeenAtMs: BigInt(view.seen.get(session.sid)?.atMs ?? 0),
      country: view.seen.get(session.sid)?.country ?? '',
      deviceId: session.deviceId ?? '',
      sourceAddress: session.sourceAddress,
      userAgent: session.userAgent,
      amr: [...session.amr],
    })),
    devices: view.devices.map((device) => ({
      deviceId: device.id,
      name: device.name,
      managed: device.managed,
      blocked: device.blocked,
      certificateExpiresAtMs: BigInt(device.certificateExpiresAtMs ?? 0),
      lastSeenAtMs: BigInt(device.lastSeenAtMs ?? 0),
    })),
    places: view.places.map((place) => ({
      country: place.country ?? '',
      region: place.region ?? '',
      egress: place.egress ?? '',
      deviceId: place.deviceId ?? '',
      firstSeenAtMs: BigInt(place.firstSeenAtMs),
      lastSeenAtMs: BigInt(place.lastSeenAtMs),
    })),
    denials: view.denials.map(({ atMs, record }) => ({
      correlationId: record.correlationId,
      atMs: BigInt(Math.max(0, atMs)),
      host: record.host,
      path: record.path.slice(0, pathLengthMax),
      outcome: record.outcome,
      reasons: [...record.reasons],
      deviceId: record.deviceId ?? '',
    })),
  });
}
