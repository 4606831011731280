import { isDeepStrictEqual } from 'node:util';
import {
  type Decision,
  type DeviceFacts,
  decide,
  type Facts,
  type Permit,
} from '@sallyport/policy';
import type { RevisionVector } from '@sallyport/shared/access-record';
import type { Clock } from '@sallyport/shared/clock';
import { StateBusyError } from '@sallyport/shared/state/tables/reader';
import type { PlaceReader } from '../../places/reader.ts';
import type { CurrentState, LiveBundle } from '../../state/current.ts';
import { type Answer, grow, type Permitted, type Recognised } from '../exchange.ts';
import { unready } from '../unready.ts';
import { leadSomewhereAlike, leadsTo } from '../ways.ts';
import { gatherFacts } from './gather.ts';
import type { RiskOf } from './risk-facts.ts';

/** Who the device of a connection is now (2-device). */
export type Identify = (value: Recognised, bundle: LiveBundle, nowMs: number) => DeviceFacts;

export interface Judge {
  /**
   * The first decision of a request: a permit goes on, anything else is the answer. Throws
   * StateBusyError where the state does not stand still to be read.
   */
  judge(value: Recognised): Permitted | Answer;
  /**
   * Decides again about what was permitted, on the state as it is now and with all facts gathered
   * anew. null: this edge cannot decide any more, or what is permitted now is not what is under way.
   */
  judgeAgain(value: Permitted): Decision | null;
}

interface Seen {
  readonly facts: Facts;
  readonly revisions: RevisionVector;
}

export function createJudge(
  state: CurrentState,
  places: PlaceReader,
  identify: Identify,
  riskOf: RiskOf,
  clock: Clock,
): Judge {
  /** Everything that is asked of the state, and the time, in one pass: it stood together. */
  const look = (value: Recognised, bundle: LiveBundle): Seen =>
    state.pass(() => {
      const nowMs = clock();
      const device = identify(value, bundle, nowMs);
      const facts = gatherFacts(state, places, bundle, value, device, riskOf, nowMs);
      return { facts, revisions: state.revisions() };
    });
  return {
    judge: (value) => {
      const bundle = state.ready() === true ? state.bundle() : null;
      if (bundle === null) return unready(state);
      const { facts, revisions } = look(value, bundle);
      const decision = decide(bundle.policy, facts);
      value.facts = facts;
      value.decision = decision;
      value.configVersion = bundle.version;
      value.revisions = revisions;
      value.decidedAt = performance.now();
      return follow(value, bundle, facts, decision);
    },
    judgeAgain: (value) => {
      const bundle = state.ready() === true ? state.bundle() : null;
      if (bundle === null) return null;
      const facts = factsOrNull(() => look(value, bundle));
      if (facts === null) return null;
      const decision = decide(bundle.policy, facts);
      return decision.outcome !== 'permit' || sameWay(value, bundle, decision) ? decision : null;
    },
  };
}

/** null: the state does not stand still. What is under way ends then: nobody could say it may go on. */
function factsOrNull(look: () => Seen): Facts | null {
  try {
    return look().facts;
  } catch (error) {
    if (error instanceof StateBusyError) return null;
    throw error;
  }
}

/**
 * Whether what is permitted now leads where the exchange went, from where it came. How long things
 * may take, and how many there may be, is of no consequence to what is under way.
 */
function sameWay({ route, target }: Permitted, bundle: LiveBundle, permit: Permit): boolean {
  if (permit.route !== route.name) return false;
  const now = bundle.routes.get(route.name);
  if (now === undefined || now === route) return now === route;
  const [before, after] = [route.upstream.way, now.upstream.way];
  return (
    isDeepStrictEqual(now.webSocket.origins, route.webSocket.origins) &&
    // One that still waits goes where both lead.
    (target === undefined ? leadSomewhereAlike(before, after) : leadsTo(target, before, after))
  );
}

function follow(
  value: Recognised,
  bundle: LiveBundle,
  facts: Facts,
  decision: Decision,
): Permitted | Answer {
  switch (decision.outcome) {
    case 'permit': {
      const route = bundle.routes.get(decision.route);
      // Policy and routes are of one version: a permit names a route of it.
      if (route === undefined) throw new Error(`no route ${decision.route}`);
      return grow(value, { bundle, route, permit: decision, facts });
    }
    case 'deny':
      return { kind: 'deny', decision };
    case 'sign_in':
      return { kind: 'sign_in', decision };
    case 'step_up':
      return { kind: 'step_up', decision };
  }
}
