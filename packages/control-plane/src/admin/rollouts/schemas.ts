import { type Static, Type } from 'typebox';
import type { RolloutRow } from '../../store/rollouts.ts';
import { closed, idOf, instant, isoOf, isoOrNull, nullable } from '../http/schemas.ts';

export const rolloutId = idOf('rol');

export const NewRollout = Type.Object(
  {
    version: Type.Integer({ minimum: 1, description: 'A candidate made from the live version.' }),
    confirm: Type.Optional(
      Type.Boolean({ description: 'That users may lose access; somebody else approved it.' }),
    ),
  },
  closed,
);

export const Abort = Type.Object(
  { reason: Type.Optional(Type.String({ maxLength: 2_048, pattern: String.raw`^[^\0]*$` })) },
  closed,
);
export const FromRing = Type.Object(
  {
    ring: Type.Optional(
      Type.String({
        maxLength: 63,
        description: 'Only if it is in this ring: it may have gone on by itself meanwhile.',
      }),
    ),
  },
  closed,
);
export const Nothing = Type.Object({}, closed);

const Ring = Type.Object({
  name: Type.String(),
  bakeSeconds: Type.Integer(),
  state: Type.Enum(['done', 'current', 'pending', 'rolled_back']),
  decided: Type.Integer({ description: 'Decisions by the new version while this was the ring.' }),
  denied: Type.Integer(),
  controlDecided: Type.Integer({ description: 'Those by the base, of the other edges.' }),
  controlDenied: Type.Integer(),
});

export const Rollout = Type.Object({
  id: rolloutId,
  version: Type.Integer(),
  base: Type.Integer({ description: 'What a rollback goes back to.' }),
  state: Type.Enum(['running', 'paused', 'done', 'rolled_back']),
  stage: nullable(
    Type.Object({
      ring: Type.String(),
      releasedAt: instant,
      enforcedAt: nullable(instant),
      bakeUntil: nullable(instant),
    }),
  ),
  waiting: nullable(Type.String({ description: 'What it waits for.' })),
  reason: nullable(Type.String({ description: 'Why it was rolled back.' })),
  rings: Type.Array(Ring, { description: 'In their order. The last is default: all other edges.' }),
  startedBy: Type.String(),
  startedAt: instant,
  endedAt: nullable(instant),
});

/** What the API shows of a rollout. */
export function presentRollout(row: RolloutRow): Static<typeof Rollout> {
  const { id, version, base, state, waiting, reason, startedBy } = row;
  return {
    id,
    version,
    base,
    state,
    stage: row.endedAtMs === null ? presentStage(row) : null,
    waiting,
    reason,
    rings: row.rings.map((_, index) => presentRing(row, index)),
    startedBy,
    startedAt: isoOf(row.startedAtMs),
    endedAt: isoOrNull(row.endedAtMs),
  };
}

function presentStage(row: RolloutRow): Static<typeof Rollout>['stage'] {
  const ring = row.rings[row.stage];
  const enforcedAtMs = row.stageEnforcedAtMs;
  return {
    ring: ring?.name ?? '',
    releasedAt: isoOf(row.stageReleasedAtMs),
    enforcedAt: isoOrNull(enforcedAtMs),
    bakeUntil: isoOrNull(enforcedAtMs === null ? null : enforcedAtMs + (ring?.bakeMs ?? 0)),
  };
}

function presentRing(row: RolloutRow, index: number): Static<typeof Ring> {
  const ring = row.rings[index];
  const counted = row.decisions[index];
  return {
    name: ring?.name ?? '',
    bakeSeconds: (ring?.bakeMs ?? 0) / 1_000,
    state: ringState(row, index),
    decided: counted?.ring.decided ?? 0,
    denied: counted?.ring.denied ?? 0,
    controlDecided: counted?.control.decided ?? 0,
    controlDenied: counted?.control.denied ?? 0,
  };
}

function ringState(
  { state, stage, endedAtMs }: RolloutRow,
  index: number,
): Static<typeof Ring>['state'] {
  if (index > stage) return 'pending';
  if (state === 'rolled_back') return 'rolled_back';
  return index === stage && endedAtMs === null ? 'current' : 'done';
}
