import { countDecisionsOf } from '../../store/access-records.ts';
import type { Decisions } from '../../store/schema/index.ts';
import { add, sumOf } from '../decisions.ts';
import type { Gate, GateContext, GateResult } from './gate.ts';

/** Records before the release that are looked at where the others decide too little. */
const recordsMax = 2_000;
/** Edges report each for themselves: what others decided at the same time may come in later. */
const lateMsMax = 10_000;

/**
 * The ring's edges do not deny a share that is so many times that of the edges which stay at the
 * base, at the same time. Where those say too little, what the ring did before the release is added;
 * where that says nothing either, denials cannot be explained and count.
 */
export const denialRateGate: Gate = {
  name: 'denial-rate',
  async check(context) {
    const { ring, control } = context.decisions;
    const { denialsMin } = context.rollout.gates;
    const isLittle = ring.denied < denialsMin;
    if (isLittle && (ring.denied === 0 || ring.denied < ring.decided)) return 'pass';
    const usual = control.decided < denialsMin ? add(control, await before(context)) : control;
    if (isUsual(context, usual)) return 'pass';
    if (isLittle) return { wait: `all ${ring.decided} decisions of the ring were denials` };
    return verdict(context, usual);
  },
};

function verdict(context: GateContext, usual: Decisions): GateResult {
  const { rollout, decisions, attendance, waitedMs } = context;
  const { ring } = decisions;
  const many = `${percent(ring)} of ${ring.decided} decisions of the ring were denials`;
  const scant = usual.decided < rollout.gates.denialsMin;
  if (scant && attendance.hasOthers && waitedMs < lateMsMax) {
    return { wait: `${many}, and the others have yet to report` };
  }
  const than =
    usual.decided === 0
      ? `and there are none by version ${rollout.base} to compare with`
      : `against ${percent(usual)} of ${usual.decided} by version ${rollout.base}`;
  return { fail: `${many}, ${than}` };
}

/** One denial more among the others would be chance, too. */
function isUsual({ rollout, decisions }: GateContext, usual: Decisions): boolean {
  const { denialRateFactor, denialsMin } = rollout.gates;
  const share =
    usual.decided < denialsMin ? shareOf(usual) : (usual.denied + 1) / (usual.decided + 1);
  return shareOf(decisions.ring) <= denialRateFactor * share;
}

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
