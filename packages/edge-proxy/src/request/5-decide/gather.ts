import type { DeviceFacts, Facts } from '@sallyport/policy';
import type { CurrentState } from '../../state/current.ts';
import type { Recognised } from '../exchange.ts';
import { sessionFacts, userFacts } from './session-facts.ts';

/**
 * All that a decision may look at, as the state is now. Part of one pass over the state, without
 * waiting in between, so that it is one revision's view; done again for every later decision.
 */
export function gatherFacts(
  state: CurrentState,
  value: Recognised,
  device: DeviceFacts,
  nowMs: number,
): Facts {
  const { head } = value;
  const session = sessionFacts(state, value.opened, nowMs);
  return {
    nowMs,
    request: { method: head.method, host: head.host, path: value.path },
    sourceAddress: value.connection.sourceAddress,
    device,
    session,
    user: userFacts(state, session, nowMs),
    lockdown: state.lockdown(nowMs),
    staleness: state.staleness(),
  };
}
