import type { HealthConfig } from '../../../state/current.ts';

/** What checks say of a target. Pure: what a check came to is told. */
export interface Health {
  readonly healthy: boolean;
  /** Checks in a row that say otherwise. */
  readonly against: number;
}

/** Before the first check: nothing speaks against it. */
export const presumed: Health = { healthy: true, against: 0 };

type Limits = Pick<HealthConfig, 'healthyAfter' | 'unhealthyAfter'>;

/** After one more check. */
export function afterCheck({ healthy, against }: Health, passed: boolean, limits: Limits): Health {
  if (passed === healthy) return { healthy, against: 0 };
  const needed = healthy ? limits.unhealthyAfter : limits.healthyAfter;
  return against + 1 < needed ? { healthy, against: against + 1 } : { healthy: passed, against: 0 };
}
