import type { DeviceFacts, Facts } from '@sallyport/policy';
import type { PlaceReader } from '../../places/reader.ts';
import type { CurrentState, LiveBundle } from '../../state/current.ts';
import type { Recognised } from '../exchange.ts';
import { headerFacts } from './header-facts.ts';
import type { RiskOf } from './risk-facts.ts';
import { sessionFacts, userFacts } from './session-facts.ts';

/**
 * All that a decision may look at, as the state is now. Part of one pass over the state, without
 * waiting in between, so that it is one revision's view; done again for every later decision.
 */
export function gatherFacts(
  state: CurrentState,
  places: PlaceReader,
  bundle: LiveBundle,
  value: Recognised,
  device: DeviceFacts,
  riskOf: RiskOf,
  nowMs: number,
): Facts {
  const { head, connection, sourceAddress } = value;
  const session = sessionFacts(state, value.opened, nowMs);
  const user = userFacts(state, session, nowMs);
  const { signals: settings, egress } = bundle.settings;
  const placed = places.placeOf(connection, sourceAddress, egress);
  return {
    nowMs,
    request: {
      method: head.method,
      host: head.host,
      path: value.path,
      headers: headerFacts(value.raw.lines, bundle.headerNames),
    },
    sourceAddress,
    device,
    session,
    user,
    place: placed.facts,
    risk: riskOf(value, { device, session, user, place: placed.place, settings, nowMs }),
    lockdown: state.lockdown(nowMs) !== false,
    staleness: state.staleness(),
  };
}
