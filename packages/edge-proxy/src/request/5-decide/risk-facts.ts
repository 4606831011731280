import type { DeviceFacts, RiskFacts, SessionFacts, UserFacts } from '@sallyport/policy';
import { doubtsOf, scoreOf } from '@sallyport/shared/signals/confidence';
import type { LastPlace } from '@sallyport/shared/signals/last-place';
import type { KnownPlace } from '@sallyport/shared/signals/place';
import { riskOf, signalValue } from '@sallyport/shared/signals/risk';
import {
  type DetectorSettings,
  type ResolvedTravel,
  travelThresholds,
} from '@sallyport/shared/signals/settings';
import type { Journey } from '@sallyport/shared/signals/travel';
import type { Signal } from '@sallyport/shared/state/model';
import type { RequestSignals } from '@sallyport/shared/state/tables/request-signals';
import { journeyTo } from '../../sightings/journey.ts';
import { userSignals } from '../../sightings/last-place.ts';
import type { SeenUsers } from '../../sightings/seen-users.ts';
import type { CurrentState } from '../../state/current.ts';
import type { ClientConnection, Recognised } from '../exchange.ts';

/** Of whom the risk is asked. */
export interface Asked {
  readonly device: DeviceFacts;
  readonly session: SessionFacts;
  readonly user: UserFacts;
  /** null: nothing is known of the address. */
  readonly place: KnownPlace | null;
  readonly settings: DetectorSettings;
  readonly nowMs: number;
}

/**
 * The risk of a request: what the control plane noticed of its user, device and session, and a
 * journey that nobody makes, found here at once. null: the signals have never been here.
 */
export type RiskOf = (value: Recognised, asked: Asked) => RiskFacts | null;

export interface RiskNeeds {
  readonly state: Pick<CurrentState, 'requestSignals' | 'revisions'>;
  readonly users: SeenUsers;
}

/** Nothing is known of anybody: the same for all. */
const calm: RiskFacts = Object.freeze({ score: 0, signals: Object.freeze([]), untilMs: null });
const travel = 'impossible-travel';

// Filled anew for each request, so that nothing is made on its way.
const subjects = {
  userId: null as string | null,
  deviceId: null as string | null,
  sid: null as string | null,
};

/** Part of one pass over the state, which may be made again: it only reads. */
export function createRiskOf(needs: RiskNeeds): RiskOf {
  const { state } = needs;
  return (value, asked) => {
    if (state.revisions().signals === undefined) return null;
    const { device, session, nowMs } = asked;
    subjects.userId = session.kind === 'live' ? session.userId : null;
    subjects.deviceId = device.kind === 'known' ? device.id : null;
    subjects.sid = session.kind === 'live' ? session.sid : null;
    const { connection } = value;
    const signals = state.requestSignals(connection.lastRisk?.signals ?? null, subjects, nowMs);
    const last = known(connection, signals, nowMs);
    const journey = journeyOf(needs, value, asked, last.user.last);
    if (journey === null) return last.risk;
    const others = [...last.user.noticed, ...signals.device, ...signals.session];
    const risk = riskOf([...others.filter(({ name }) => name !== travel), journey], nowMs);
    // What the control plane knows of travel may weigh more than what is seen here.
    return last.risk.score > risk.score ? last.risk : risk;
  };
}

type Known = NonNullable<ClientConnection['lastRisk']>;

/** What came of the same signals before holds until time makes it another. */
function known(connection: ClientConnection, signals: RequestSignals, nowMs: number): Known {
  const last = connection.lastRisk;
  if (
    last?.signals === signals &&
    nowMs >= last.fromMs &&
    nowMs < (last.risk.untilMs ?? Number.POSITIVE_INFINITY)
  ) {
    return last;
  }
  const user = userSignals(signals.user);
  const all = signals.isEmpty ? [] : [...user.noticed, ...signals.device, ...signals.session];
  const risk = all.length === 0 ? calm : riskOf(all, nowMs);
  const made = { signals, user, fromMs: nowMs, risk };
  connection.lastRisk = made;
  return made;
}

const arrival = {
  userId: '',
  sid: '',
  deviceId: null as string | null,
  sourceAddress: '',
  place: null as KnownPlace | null,
  atMs: 0,
  arrivedAtMs: 0,
};

/** The signal that a journey to here is; null: there is none. */
function journeyOf(
  { users }: RiskNeeds,
  { sourceAddress, startedAt, receivedAtMs }: Recognised,
  { device, session, user, place, settings }: Asked,
  last: LastPlace | null,
): Signal | null {
  if (place === null || session.kind !== 'live') return null;
  const { userId } = session;
  const spots = users.spotsOf(userId);
  if (last === null && spots.length === 0) return null;
  const thresholds = thresholdsOf(settings, user);
  if (!thresholds.enabled) return null;
  arrival.userId = userId;
  arrival.sid = session.sid;
  arrival.deviceId = device.kind === 'known' ? device.id : null;
  arrival.sourceAddress = sourceAddress;
  arrival.place = place;
  arrival.atMs = startedAt;
  arrival.arrivedAtMs = receivedAtMs;
  const journey = journeyTo(arrival, spots, last, thresholds);
  const score = journey === null ? null : scoreOf(thresholds.score, doubtsOf(journey));
  if (journey === null || score === null) return null;
  return signalOf(userId, journey, { ...thresholds, score }, receivedAtMs);
}

function thresholdsOf(settings: DetectorSettings, user: UserFacts): ResolvedTravel {
  const general = settings[travel];
  return general.groups.length === 0
    ? general
    : travelThresholds(settings, user.kind === 'known' ? user.groups : []);
}

/** As the control plane's detector would write it. */
function signalOf(
  subjectId: string,
  { reason }: Journey,
  { score, halfLifeMs }: ResolvedTravel,
  observedAtMs: number,
): Signal {
  const subject = 'user';
  const value = signalValue({ score, halfLifeMs, reason });
  const expiresAtMs = Number.MAX_SAFE_INTEGER;
  return { op: 'signal', subject, subjectId, name: travel, value, observedAtMs, expiresAtMs };
}
