import { detectorNames } from '@sallyport/shared/signals/finding';
import { type Static, Type } from 'typebox';
import { type FindingView, findingStates, stateOf } from '../../store/findings.ts';
import type { EvidencePlace } from '../../store/schema/index.ts';
import {
  closed,
  idOf,
  instant,
  isoOf,
  isoOrNull,
  label,
  nullable,
  position,
} from '../http/schemas.ts';

const stateName = Type.Enum([...findingStates]);

/** Query of the list, besides paging. */
export const signalFilters = {
  detector: Type.Optional(Type.Enum([...detectorNames])),
  user: Type.Optional(
    Type.String({ minLength: 1, maxLength: 254, description: 'User id or e-mail address.' }),
  ),
  device: Type.Optional(idOf('dev')),
  session: Type.Optional(idOf('ses')),
  state: Type.Optional(stateName),
} as const;

export const Dismissal = Type.Object({ reason: label(512) }, closed);

const Where = Type.Object({
  at: instant,
  deviceId: nullable(Type.String()),
  country: nullable(Type.String({ description: 'ISO 3166-1 alpha-2.' })),
  region: nullable(Type.String()),
  latitude: nullable(Type.Number()),
  longitude: nullable(Type.Number()),
  asn: nullable(Type.Integer()),
  egress: nullable(Type.String({ description: 'A known way out (Settings, `network.egress`).' })),
});

export const Signal = Type.Object({
  id: idOf('sig'),
  detector: Type.String(),
  subject: Type.Object({ kind: Type.Enum(['user', 'device', 'session']), id: Type.String() }),
  userId: Type.String(),
  userEmail: nullable(Type.String({ description: 'null: the user is gone.' })),
  deviceId: nullable(Type.String()),
  sid: nullable(Type.String({ description: 'The session that it came with.' })),
  reason: Type.String(),
  score: Type.Integer({ description: 'When it was new.' }),
  halfLifeSeconds: Type.Number({ description: 'After so long it weighs half.' }),
  matter: Type.String({ description: 'What it is about: a dismissal holds for the same.' }),
  state: stateName,
  at: instant,
  lastAt: instant,
  times: Type.Integer({ description: 'How often the same was found.' }),
  expiresAt: Type.String({ description: 'RFC 3339. From then on it does not count.' }),
  evidence: Type.Object({
    event: Type.Enum(['sighted', 'signed_in', 'sign_in_failed', 'denied']),
    correlationId: nullable(Type.String({ description: 'Of a request; null: of a sign-in.' })),
    sourceAddress: Type.String(),
    route: nullable(Type.String()),
    here: Where,
    before: Type.Union([Where, Type.Null()], { description: 'Where the user was before.' }),
    beforeSid: nullable(Type.String({ description: 'The session that was there, if it lived.' })),
  }),
  revocationId: nullable(
    Type.String({ description: 'It ended sessions; this is the first of the revocations.' }),
  ),
  dismissedAt: nullable(instant),
  dismissedBy: nullable(Type.String()),
  dismissedReason: nullable(Type.String()),
  silentUntil: nullable(Type.String({ description: 'The same is not raised again before.' })),
});

/** The answer to a dismissal: also where it stands in the `signals` lane. */
export const DismissedSignal = Type.Object({
  ...Signal.properties,
  position: nullable(position),
});

/** What edges know of a user's risk. */
export const UserRisk = Type.Object({
  userId: idOf('usr'),
  score: Type.Integer({
    description:
      '0 to 100, of the user alone: a request adds what is known of its device and session.',
  }),
  signals: Type.Array(
    Type.Object({
      name: Type.String(),
      score: Type.Integer({ description: 'As it weighs now.' }),
      reason: nullable(Type.String()),
      observedAt: instant,
      expiresAt: instant,
    }),
  ),
  until: nullable(
    Type.String({ description: 'RFC 3339. Then time alone changes the score; null: never.' }),
  ),
  lastPlace: nullable(
    Type.Object({
      at: instant,
      deviceId: nullable(Type.String()),
      country: nullable(Type.String()),
      latitude: nullable(Type.Number()),
      longitude: nullable(Type.Number()),
      accuracyKm: nullable(Type.Number()),
      asn: nullable(Type.Integer()),
    }),
  ),
});

/** What the API shows of a finding. */
export function presentSignal(view: FindingView, nowMs: number): Static<typeof Signal> {
  const { finding, userEmail } = view;
  const { evidence } = finding;
  return {
    id: finding.id,
    detector: finding.detector,
    subject: { kind: finding.subject, id: finding.subjectId },
    userId: finding.userId,
    userEmail,
    deviceId: finding.deviceId,
    sid: finding.sid,
    reason: finding.reason,
    score: finding.score,
    halfLifeSeconds: finding.halfLifeMs / 1000,
    matter: finding.matter,
    state: stateOf(finding, nowMs),
    at: isoOf(finding.atMs),
    lastAt: isoOf(finding.lastAtMs),
    times: finding.times,
    expiresAt: isoOf(finding.expiresAtMs),
    evidence: {
      event: evidence.kind,
      correlationId: ofRequest.has(evidence.kind) ? evidence.here.id : null,
      sourceAddress: evidence.here.sourceAddress,
      route: evidence.route,
      here: presentPlace(evidence.here),
      before: evidence.before === null ? null : presentPlace(evidence.before),
      beforeSid: evidence.beforeSid,
    },
    revocationId: finding.revocationId,
    dismissedAt: isoOrNull(finding.dismissedAtMs),
    dismissedBy: finding.dismissedBy,
    dismissedReason: finding.dismissedWhy,
    silentUntil: isoOrNull(finding.silentUntilMs),
  };
}

const ofRequest: ReadonlySet<string> = new Set(['sighted', 'denied']);

function presentPlace(place: Omit<EvidencePlace, 'id' | 'sourceAddress'>): Static<typeof Where> {
  const { atMs, deviceId, country, region, latitude, longitude, asn, egress } = place;
  return { at: isoOf(atMs), deviceId, country, region, latitude, longitude, asn, egress };
}
