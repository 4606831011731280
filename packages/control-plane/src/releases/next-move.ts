import type { KnownEdge } from '../store/edge-status.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import type { Gate, GateResult } from './gates/gate.ts';
import { enforces, isConnected } from './ring-edges.ts';

/** What the job does next with a rollout. */
export type Move =
  | { readonly kind: 'stay'; readonly waiting: string }
  /** All edges that are there enforce it: it bakes from now on. */
  | { readonly kind: 'bake' }
  | { readonly kind: 'next_ring' }
  | { readonly kind: 'roll_back'; readonly reason: string };

export interface Seen {
  readonly rollout: RolloutRow;
  /** Those of the ring that the version was released to last. */
  readonly edges: readonly KnownEdge[];
  readonly gates: readonly { readonly gate: Gate['name']; readonly result: GateResult }[];
  readonly nowMs: number;
}

const namedMax = 5;

/** Settles the next move. Pure. A gate that fails wins over everything, also while it is paused. */
export function nextMove({ rollout, edges, gates, nowMs }: Seen): Move {
  for (const { gate, result } of gates) {
    if (typeof result === 'object') {
      return { kind: 'roll_back', reason: `gate ${gate} failed: ${result.fail}` };
    }
  }
  if (rollout.state === 'paused') return stay(rollout.waiting ?? 'it is paused');
  const ring = rollout.rings[rollout.stage];
  if (ring === undefined) throw new Error(`rollout ${rollout.id} is at no ring`);
  if (rollout.stageEnforcedAtMs === null) return enforcement(rollout, ring.name, edges, nowMs);
  const bakedAtMs = rollout.stageEnforcedAtMs + ring.bakeMs;
  if (nowMs < bakedAtMs) {
    return stay(`ring ${ring.name} bakes until ${new Date(bakedAtMs).toISOString()}`);
  }
  const waits = gates.find(({ result }) => result === 'wait');
  return waits === undefined ? { kind: 'next_ring' } : stay(`gate ${waits.gate} does not say yet`);
}

function enforcement(
  rollout: RolloutRow,
  ring: string,
  edges: readonly KnownEdge[],
  nowMs: number,
): Move {
  const there = edges.filter((edge) => isConnected(edge, nowMs));
  const last = rollout.stage === rollout.rings.length - 1;
  // A ring without edges proves nothing; a person may promote it all the same.
  if (there.length === 0 && !last) return stay(`no edge of ring ${ring} is connected`);
  const missing = there.filter((edge) => !enforces(edge, rollout)).map(({ id }) => id);
  if (missing.length === 0) return { kind: 'bake' };
  const named = missing.slice(0, namedMax).join(', ');
  return stay(`${missing.length} of ${there.length} edges of ring ${ring} have yet to: ${named}`);
}

function stay(waiting: string): Move {
  return { kind: 'stay', waiting };
}
