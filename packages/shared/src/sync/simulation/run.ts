import type { AlarmName } from '../edge-lane-model.ts';
import { Chaos } from './chaos.ts';
import type { Sabotage } from './edge.ts';
import { Violation } from './oracle.ts';
import { Dice } from './random.ts';
import { World, type WorldSize } from './world.ts';

export type { Sabotage } from './edge.ts';

export interface WorldOptions {
  /** By the seed, where it is not said. */
  readonly size?: WorldSize;
  /** What the edges of this world do wrong. */
  readonly sabotage?: Sabotage;
}

/** What a world came to. */
export type Outcome =
  | { readonly ok: true; readonly alarms: ReadonlyMap<AlarmName, number>; readonly restMs: number }
  | {
      readonly ok: false;
      readonly seed: number;
      readonly violation: string;
      readonly trace: string;
    };

const chaosMs = 15_000;
const settleMsMax = 120_000;
const settleStepMs = 1_000;
const traceLines = 400;

/** One world of this seed: chaos, then peace, then rest. The same seed gives the same world. */
export function simulate(seed: number, options: WorldOptions = {}): Outcome {
  try {
    return live(seed, options, () => undefined);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return { ok: false, seed, violation: error.message, trace: traceOf(seed, options) };
  }
}

/** Small worlds: what goes wrong among thousands goes wrong among a few. */
function sizeOf(seed: number): WorldSize {
  const dice = new Dice(seed ^ 0x5a11);
  return { edges: dice.pick([2, 3, 3, 4, 6]), replicas: dice.int(2, 3), nats: dice.chance(0.7) };
}

function live(seed: number, options: WorldOptions, note: (text: string) => void): Outcome {
  const { size = sizeOf(seed), sabotage = null } = options;
  const world = new World(seed, { ...size, sabotage }, note);
  const chaos = new Chaos(world);
  const { timeline } = world;
  const untilMs = timeline.nowMs + chaosMs;
  while (timeline.nowMs < untilMs) {
    timeline.runTo(timeline.nowMs + chaos.step());
    world.check();
  }
  note(`${timeline.nowMs} peace`);
  chaos.heal();
  const peaceMs = timeline.nowMs;
  let declared = false;
  for (let unrest: string | null = 'not yet'; unrest !== null; unrest = world.unrest()) {
    const overdue = timeline.nowMs - peaceMs > settleMsMax * (declared ? 2 : 1);
    if (overdue && !declared && world.awaitsDeclaration()) {
      note(`${timeline.nowMs} the restore is declared`);
      world.database.raiseEpoch();
      declared = true;
    } else if (overdue) throw new Violation(`no rest: ${unrest}`);
    timeline.runTo(timeline.nowMs + settleStepMs);
    world.check();
  }
  return { ok: true, alarms: world.oracle.alarms, restMs: timeline.nowMs - peaceMs };
}

/** The same world once more, with what happened in it. */
function traceOf(seed: number, options: WorldOptions): string {
  const lines: string[] = [];
  try {
    live(seed, options, (text) => lines.push(text));
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
  }
  return lines.slice(-traceLines).join('\n');
}
