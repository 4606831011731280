import type { LaneAges } from '../state/lane-ages.ts';
import { lanes } from '../state/lanes.ts';

export interface WarningFacts {
  readonly diskFailing: boolean;
  /** Whether the spool of access records cannot be written. */
  readonly spoolFailing: boolean;
  /** Whether records can be kept only in the place of others. */
  readonly recordsFull: boolean;
  /** Whether requests are turned away, for there is too much to do. */
  readonly overloaded: boolean;
  /** Whether a control plane answers on any stream. */
  readonly answered: boolean;
  readonly ages: Pick<LaneAges, 'isKnown' | 'ageMs'>;
}

/** News comes each second; after so long, milliseconds, somebody should look. */
const staleMs = 30_000;

/** What an operator should look at although requests are served, as codes. */
export function warningsOf({ answered, ages, ...facts }: WarningFacts): readonly string[] {
  // A lane of which nothing is known keeps the edge from being ready, which says so.
  const stale = lanes.filter((lane) => ages.isKnown(lane) && ages.ageMs(lane) >= staleMs);
  return [
    ...(facts.diskFailing ? ['disk_failing'] : []),
    ...(facts.spoolFailing ? ['record_spool_failing'] : []),
    ...(facts.recordsFull ? ['records_full'] : []),
    ...(facts.overloaded ? ['overloaded'] : []),
    ...(answered ? [] : ['control_plane_unreachable']),
    ...stale.map((lane) => `state_stale:${lane}`),
  ];
}
