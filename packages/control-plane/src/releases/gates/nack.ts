import type { KnownEdge } from '../../store/edge-status.ts';
import type { RolloutRow } from '../../store/rollouts.ts';
import { enforces, refusalOf, seenAtMs } from '../ring-edges.ts';
import type { Gate } from './gate.ts';

/** No edge that the version was released to refused it. */
export const nackGate: Gate = {
  name: 'nack',
  async check({ edges, rollout }) {
    for (const edge of edges) {
      const nack = refusalOf(edge);
      if (nack === null || enforces(edge, rollout) || !wasSeen(edge, rollout)) continue;
      return { fail: `edge ${edge.id} refuses it: ${nack.code} ${nack.detail}`.trim() };
    }
    return 'pass';
  },
};

/** An edge that is away since before the release refused something else. */
function wasSeen(edge: KnownEdge, { stageReleasedAtMs }: RolloutRow): boolean {
  return seenAtMs(edge) >= stageReleasedAtMs;
}
