import fc from 'fast-check';
import {
  compile,
  type Decision,
  decide,
  type Facts,
  type PolicySet,
  type StalenessFacts,
} from '../src/index.ts';
import { later } from './elapsed.ts';
import { ages, facts } from './facts.ts';
import { policySets, timelessSets } from './policy-sets.ts';
import { type Property, same } from './property.ts';

/** Laws of the age of the state. */

export function takes(): Property {
  return fc.property(policySets, facts, (set, one) => {
    const without = decide(compile(serving(set)), one);
    const decision = decide(compile(set), one);
    if (decision.outcome === without.outcome) return;
    if (decision.outcome === 'deny') return;
    if (without.outcome !== 'permit' || decision.outcome !== 'step_up') {
      throw new Error(`${without.outcome} became ${decision.outcome}`);
    }
  });
}

const rank: Record<Decision['outcome'], number> = { permit: 3, step_up: 2, sign_in: 1, deny: 0 };

/** Everything else that time changes stays as far away as it is. */
export function fades(): Property {
  return fc.property(timelessSets, facts, ages, (set, any, byMs) => {
    const one = signedInBefore(any);
    const compiled = compile(set);
    const aged = later(one, byMs);
    const { device, session } = aged;
    const after = {
      ...aged,
      device:
        device.kind === 'known'
          ? {
              ...device,
              certificateNotBeforeMs: device.certificateNotBeforeMs + byMs,
              certificateNotAfterMs: device.certificateNotAfterMs + byMs,
            }
          : device,
      session:
        session.kind === 'live' ? { ...session, expiresAtMs: session.expiresAtMs + byMs } : session,
      user: employedFor(aged.user, byMs),
    };
    const [now, then] = [decide(compiled, one).outcome, decide(compiled, after).outcome];
    if (rank[then] > rank[now]) throw new Error(`${now} became ${then}`);
  });
}

function employedFor(user: Facts['user'], byMs: number): Facts['user'] {
  if (user.kind !== 'known' || user.employment === null) return user;
  const { class: as, endsAtMs } = user.employment;
  return {
    ...user,
    employment: { class: as, endsAtMs: endsAtMs === null ? null : endsAtMs + byMs },
  };
}

/** A sign-in in the future would become one of the past, and a session would be confirmed by it. */
function signedInBefore(one: Facts): Facts {
  const { session, nowMs } = one;
  if (session.kind !== 'live') return one;
  const authenticatedAtMs = Math.min(session.authenticatedAtMs, nowMs);
  return { ...one, session: { ...session, authenticatedAtMs } };
}

export function serves(): Property {
  return fc.property(policySets, facts, (set, one) => {
    const compiled = compile(serving(set));
    same(decide(compiled, one), decide(compiled, { ...one, staleness: fresh }));
  });
}

export function unnoticed(): Property {
  const below = fc.integer({ min: 0, max: 999 });
  const all = fc.record({ revokeMs: below, signalsMs: below, configMs: below, directoryMs: below });
  return fc.property(policySets, facts, all, (set, one, staleness) => {
    const decision = decide(compile(set), { ...one, staleness });
    const without = decide(compile(serving(set)), one);
    same({ ...decision, untilMs: 0 }, { ...without, untilMs: 0 });
  });
}

const fresh: StalenessFacts = { revokeMs: 0, signalsMs: 0, configMs: 0, directoryMs: 0 };

/** The same set, with no end to how old the state may be. */
function serving(set: PolicySet): PolicySet {
  return {
    ...set,
    routes: set.routes.map(({ staleness: _staleness, ...route }) => route),
    staleness: { revoke: 'serve', signals: 'serve', config: 'serve', directory: 'serve' },
  };
}
