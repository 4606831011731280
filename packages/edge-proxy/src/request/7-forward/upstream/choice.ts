/** What a target is chosen by. */
export interface Candidate {
  readonly weight: number;
  /** Requests under way there. */
  readonly inFlight: number;
}

/**
 * Which of the candidates the next request goes to; undefined: there are none. Idle targets get shares
 * as their weights are; one that is busy, because it is slow, gets less. `random` is from 0 to below 1.
 */
export function choose<T extends Candidate>(
  candidates: readonly T[],
  random: number,
): T | undefined {
  let left = random * candidates.reduce((sum, candidate) => sum + shareOf(candidate), 0);
  for (const candidate of candidates) {
    left -= shareOf(candidate);
    if (left < 0) return candidate;
  }
  // What rounding left over.
  return candidates.at(-1);
}

function shareOf({ weight, inFlight }: Candidate): number {
  return weight / (inFlight + 1);
}
