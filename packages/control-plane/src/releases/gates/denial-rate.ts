import { countDecisionsOf } from '../../store/access-records.ts';
import type { Decisions } from '../../store/schema/index.ts';
import { sumOf } from '../decisions.ts';
import type { Gate, GateContext } from './gate.ts';

/** Records before the release that are looked at where no other edge decides by the base. */
const recordsMax = 10_000;

/**
 * The ring's edges do not deny a share that is so many times that of the edges which stay at the
 * base, at the same time. Where those say nothing, the ring is compared with itself before the
 * release; where that says nothing either, denials cannot be explained and count.
 */
export const denialRateGate: Gate = {
  name: 'denial-rate',
  async check(context) {
    const { ring, control } = context.decisions;
    const { denialRateFactor, denialsMin } = context.rollout.gates;
    if (ring.denied < denialsMin) return 'pass';
    const usual = control.decided > 0 ? control : await before(context);
    if (shareOf(ring) <= denialRateFactor * shareOf(usual)) return 'pass';
    return {
      fail:
        `${percent(ring)} of ${ring.decided} decisions of the ring were denials, ` +
        `against ${percent(usual)} of ${usual.decided} by version ${context.rollout.base}`,
    };
  },
};

async function before({ db, rollout, edges, decisions }: GateContext): Promise<Decisions> {
  const ids = edges.map(({ id }) => id);
  const { base } = rollout;
  return sumOf(await countDecisionsOf(db, base, ids, decisions.fromId, recordsMax));
}

function shareOf({ decided, denied }: Decisions): number {
  return decided === 0 ? 0 : denied / decided;
}

function percent(decisions: Decisions): string {
  return `${Math.round(shareOf(decisions) * 1_000) / 10} %`;
}
