import { isDeepStrictEqual } from 'node:util';
import {
  type Decision,
  type DeviceFacts,
  decide,
  type Facts,
  type Permit,
} from '@sallyport/policy';
import type { Clock } from '@sallyport/shared/clock';
import type { CurrentState, LiveBundle } from '../../state/current.ts';
import { type Answer, grow, type Permitted, type Recognised } from '../exchange.ts';
import { gatherFacts } from './gather.ts';

/** Who the device of a connection is now (2-device). */
export type Identify = (value: Recognised, bundle: LiveBundle, nowMs: number) => DeviceFacts;

export interface Judge {
  /** The first decision of a request: a permit goes on, anything else is the answer. */
  judge(value: Recognised): Permitted | Answer;
  /**
   * Decides again about what was permitted, on the state as it is now and with all facts gathered
   * anew. null: this edge may not decide any more, or what is permitted now is not what is under way.
   */
  judgeAgain(value: Permitted): Decision | null;
}

export function createJudge(state: CurrentState, identify: Identify, clock: Clock): Judge {
  return {
    judge: (value) => {
      const bundle = state.ready() ? state.bundle() : null;
      if (bundle === null) return { kind: 'failed', code: 'not_ready' };
      const nowMs = clock();
      const device = value.waited ? identify(value, bundle, nowMs) : value.device;
      const facts = gatherFacts(state, value, device, nowMs);
      const decision = decide(bundle.policy, facts);
      value.facts = facts;
      value.decision = decision;
      value.configVersion = bundle.version;
      value.revisions = state.revisions();
      value.decidedAt = performance.now();
      return follow(value, bundle, facts, decision);
    },
    judgeAgain: (value) => {
      const bundle = state.ready() ? state.bundle() : null;
      if (bundle === null) return null;
      const nowMs = clock();
      const facts = gatherFacts(state, value, identify(value, bundle, nowMs), nowMs);
      const decision = decide(bundle.policy, facts);
      return decision.outcome !== 'permit' || sameWay(value, bundle, decision) ? decision : null;
    },
  };
}

/** Whether what is permitted now leads where the exchange went, from where it came. */
function sameWay({ route }: Permitted, bundle: LiveBundle, permit: Permit): boolean {
  if (permit.route !== route.name) return false;
  const now = bundle.routes.get(route.name);
  if (now === route) return true;
  return (
    now !== undefined &&
    isDeepStrictEqual(now.upstream, route.upstream) &&
    isDeepStrictEqual(now.webSocketOrigins, route.webSocketOrigins)
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
