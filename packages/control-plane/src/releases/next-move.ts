import type { KnownEdge } from '../store/edge-status.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import { type Gate, type GateResult, isFailure, isWait } from './gates/gate.ts';
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
    if (isFailure(result)) {
      return { kind: 'roll_back', reason: `gate ${gate} failed: ${result.fail}` };
    }
  }
  if (rollout.state === 'paused') return stay(rollout.waiting ?? 'it is paused');
  const ring = rollout.rings[rollout.stage];
  if (ring === undefined) throw new Error(`rollout ${rollout.id} is at no ring`);
  if (rollout.stageEnforcedAtMs === null) return enforcement(rollout, ring.name, edges);
  const bakedAtMs = rollout.stageEnforcedAtMs + ring.bakeMs;
  const waits = gates.flatMap(({ gate, result }) =>
    isWait(result) ? [`gate ${gate} waits: ${result.wait}`] : [],
  );
  if (nowMs < bakedAtMs) {
    const bakes = `ring ${ring.name} bakes until ${new Date(bakedAtMs).toISOString()}`;
    return stay([bakes, ...waits].join('; '));
  }
  if (waits.length > 0) return stay(waits.join('; '));
  return isEmpty(rollout, edges) ? stay(nobodyIn(ring.name)) : { kind: 'next_ring' };
}

function enforcement(rollout: RolloutRow, ring: string, edges: readonly KnownEdge[]): Move {
  if (isEmpty(rollout, edges)) return stay(nobodyIn(ring));
  const there = edges.filter(isConnected);
  const missing = there.filter((edge) => !enforces(edge, rollout)).map(({ id }) => id);
  if (missing.length === 0) return { kind: 'bake' };
  const named = missing.slice(0, namedMax).join(', ');
  return stay(
    `${missing.length} of ${there.length} edges of ring ${ring} have yet to enforce it: ${named}`,
  );
}

/** A ring without edges proves nothing; a person may promote it all the same. */
function isEmpty({ stage, rings }: RolloutRow, edges: readonly KnownEdge[]): boolean {
  return stage < rings.length - 1 && !edges.some(isConnected);
}

function nobodyIn(ring: string): string {
  return `no edge of ring ${ring} is connected`;
}

function stay(waiting: string): Move {
  return { kind: 'stay', waiting };
}
