import { durationMs } from './duration.ts';
import type { StalenessBudgets, StateLane } from './model.ts';
import { Problems } from './problems.ts';
import { below, complain, type Place, readFields } from './read.ts';
import { type CompiledBudget, stateLanes } from './staleness.ts';

/** In the order in which they take effect as a lane grows old. */
const thresholds = ['stepUpAfter', 'denyNewSessionsAfter', 'denyAfter'] as const;
type Threshold = (typeof thresholds)[number];

/** What holds where neither the settings nor the route say otherwise (docs/policy.md). */
const defaults: StalenessBudgets = {
  revoke: { stepUpAfter: '2m', denyNewSessionsAfter: '15m', denyAfter: '1h' },
  // Signals sharpen decisions and expire by themselves: what has not come yet refuses nobody.
  signals: 'serve',
  config: { denyNewSessionsAfter: '12h' },
  directory: { denyNewSessionsAfter: '12h' },
};

type Writer = 'default' | 'settings' | 'route';

/** A threshold as it holds, and where it was written: messages name it. */
interface Held {
  readonly ms: number;
  readonly text: string;
  readonly by: Writer;
}

type HeldLane = Readonly<Record<Threshold, Held>>;

/** The budgets that hold for all lanes, merged so far. */
export type HeldBudgets = Readonly<Record<StateLane, HeldLane>>;

const never = { ms: Number.POSITIVE_INFINITY, text: 'serve' };

/**
 * Budgets as written in the settings or in a route, over those that hold without them. What is
 * written must be able to take effect: a threshold that comes after a stricter one is refused.
 */
export function compileBudgets(
  value: unknown,
  place: Place,
  by: Writer,
  inherited: HeldBudgets,
): HeldBudgets {
  const fields = readFields(value, place, [], stateLanes);
  if (fields === null) return inherited;
  if (fields.size === 0) complain(place, 'must not be empty');
  return held((lane) =>
    fields.has(lane)
      ? compileLane(fields.get(lane), below(place, lane), by, inherited[lane])
      : inherited[lane],
  );
}

function compileLane(value: unknown, place: Place, by: Writer, inherited: HeldLane): HeldLane {
  if (value === 'serve') return heldLane(() => ({ ...never, by }));
  if (typeof value !== 'object' || value === null) {
    complain(place, 'must be an object with thresholds, or the word serve');
    return inherited;
  }
  const fields = readFields(value, place, [], thresholds);
  if (fields === null) return inherited;
  if (fields.size === 0) complain(place, 'must not be empty; write serve for no end');
  const written = thresholds.filter((name) => fields.has(name));
  const merged = heldLane((name) => {
    if (!fields.has(name)) return inherited[name];
    const read = readThreshold(fields.get(name), below(place, name));
    return read === null ? inherited[name] : { ...read, by };
  });
  for (const name of written) checkEffect(name, merged, by, below(place, name));
  return merged;
}

/** Complains where a stricter threshold is reached no later than this one. */
function checkEffect(name: Threshold, merged: HeldLane, by: Writer, place: Place): void {
  const own = merged[name];
  if (own.by !== by || own.ms === Number.POSITIVE_INFINITY) return;
  for (const later of thresholds.slice(thresholds.indexOf(name) + 1)) {
    const other = merged[later];
    if (own.ms < other.ms) continue;
    const whose =
      other.by === by ? '' : other.by === 'settings' ? ' in the settings' : ' by default';
    complain(place, `must be shorter than ${later}, which is ${other.text}${whose}`);
    return;
  }
}

function readThreshold(value: unknown, place: Place): Omit<Held, 'by'> | null {
  const read = typeof value === 'string' ? readThresholdText(value) : null;
  return read ?? complain(place, 'must be a duration such as 90s, 15m or 12h, or the word serve');
}

function readThresholdText(text: string): Omit<Held, 'by'> | null {
  if (text === 'serve') return never;
  const ms = durationMs(text);
  return ms === null ? null : { ms, text };
}

/** Budgets ready for decisions: the lanes whose age counts at all. */
export function countingBudgets(budgets: HeldBudgets): readonly CompiledBudget[] {
  return stateLanes
    .map((lane) => ({
      lane,
      stepUpAfterMs: budgets[lane].stepUpAfter.ms,
      denyNewSessionsAfterMs: budgets[lane].denyNewSessionsAfter.ms,
      denyAfterMs: budgets[lane].denyAfter.ms,
    }))
    .filter((budget) => firstMs(budget) !== Number.POSITIVE_INFINITY);
}

function firstMs(budget: CompiledBudget): number {
  return Math.min(budget.stepUpAfterMs, budget.denyNewSessionsAfterMs, budget.denyAfterMs);
}

function held(of: (lane: StateLane) => HeldLane): HeldBudgets {
  return {
    revoke: of('revoke'),
    signals: of('signals'),
    config: of('config'),
    directory: of('directory'),
  };
}

function heldLane(of: (name: Threshold) => Held): HeldLane {
  return {
    stepUpAfter: of('stepUpAfter'),
    denyNewSessionsAfter: of('denyNewSessionsAfter'),
    denyAfter: of('denyAfter'),
  };
}

/** The budgets of all lanes where nothing is written. */
export const defaultBudgets: HeldBudgets = compileBudgets(
  defaults,
  { field: '', problems: new Problems() },
  'default',
  held(() => heldLane(() => ({ ...never, by: 'default' }))),
);

/**
 * The age of a lane, in milliseconds, from which on nobody passes on any of these routes, whatever
 * of these settings holds for them; Infinity: on some route somebody always does. Each entry is the
 * budgets as written, undefined where nothing is; they must have been compiled before.
 */
export function longestDenyMs(
  lane: StateLane,
  settings: readonly (StalenessBudgets | undefined)[],
  routes: readonly (StalenessBudgets | undefined)[],
): number {
  const compiled = (value: StalenessBudgets | undefined, by: Writer, inherited: HeldBudgets) =>
    value === undefined
      ? inherited
      : compileBudgets(value, { field: '', problems: new Problems() }, by, inherited);
  // One of each kind: most routes say nothing, or the same.
  const written = new Set(routes.map((value) => JSON.stringify(value?.[lane] ?? null)));
  const longest = settings.map((value) => {
    const held = compiled(value, 'settings', defaultBudgets);
    if (written.size === 0) return held[lane].denyAfter.ms;
    const ends = [...written].map((text) => {
      const own = JSON.parse(text) as StalenessBudgets[StateLane] | null;
      return compiled(own === null ? undefined : { [lane]: own }, 'route', held)[lane].denyAfter.ms;
    });
    return Math.max(...ends);
  });
  return Math.max(0, ...longest);
}
