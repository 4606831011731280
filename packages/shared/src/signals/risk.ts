import type { Signal } from '../state/model.ts';
import { detectorNames, type Finding } from './finding.ts';
import { fitted, readObject } from './row-value.ts';

/** Decayed scores stand in steps of so much, and below one step they do not count. */
const step = 5;

export interface Risk {
  /** 0 to 100. */
  readonly score: number;
  /** Names of the signals that count, sorted, each once. */
  readonly signals: readonly string[];
  /** The earliest instant at which time alone may change it; null: never. */
  readonly untilMs: number | null;
}

interface Weight {
  readonly score: number;
  readonly halfLifeMs: number;
}

const names: ReadonlySet<string> = new Set(detectorNames);

/** The value of a finding's row in the signals lane: JSON, 256 bytes at the most. */
export function signalValue(finding: Pick<Finding, 'score' | 'halfLifeMs' | 'reason'>): string {
  return fitted(finding.reason, (reason) =>
    JSON.stringify({ s: finding.score, h: finding.halfLifeMs, r: reason }),
  );
}

/** A signal's reason in words; null: the row is of no detector, or of a form that is not read here. */
export function signalReason(signal: Pick<Signal, 'name' | 'value'>): string | null {
  const value = names.has(signal.name) ? readObject(signal.value) : null;
  return typeof value?.['r'] === 'string' ? value['r'] : null;
}

/**
 * The risk that the signals of a request's user, device and session are together. Each weighs half
 * after its half-life; together they weigh what independent chances do: 50 and 50 make 75. A row
 * that cannot be read here is left out: it is signed, so it is a newer form and not a forgery.
 */
export function riskOf(signals: readonly Signal[], nowMs: number): Risk {
  const counting: { readonly name: string; readonly score: number }[] = [];
  let untilMs = Number.POSITIVE_INFINITY;
  for (const signal of signals) {
    const weight = weightOf(signal);
    if (weight === null || nowMs >= signal.expiresAtMs) continue;
    const score = steps(weight, nowMs - signal.observedAtMs);
    if (score === 0) continue;
    counting.push({ name: signal.name, score });
    untilMs = Math.min(untilMs, signal.expiresAtMs, nextStepMs(weight, signal.observedAtMs, nowMs));
  }
  // In one order, so that the same signals give the same sum of floating point numbers.
  counting.sort((a, b) => a.score - b.score);
  const harmless = counting.reduce((rest, { score }) => rest * (1 - score / 100), 1);
  return {
    score: Math.round(100 * (1 - harmless)),
    signals: [...new Set(counting.map(({ name }) => name))].sort(),
    untilMs: Number.isFinite(untilMs) ? untilMs : null,
  };
}

/** The decayed score, up to the next step and never above what it was when it was new. */
function steps({ score, halfLifeMs }: Weight, ageMs: number): number {
  const decayed = score * 0.5 ** (Math.max(0, ageMs) / halfLifeMs);
  return decayed < step ? 0 : Math.min(score, Math.ceil(decayed / step) * step);
}

/** The first whole millisecond after now at which the step is another. */
function nextStepMs(weight: Weight, observedAtMs: number, nowMs: number): number {
  const now = steps(weight, nowMs - observedAtMs);
  const below = Math.max(step, Math.ceil(now / step) * step - step);
  const ageMs = weight.halfLifeMs * Math.log2(weight.score / below);
  let next = Math.max(nowMs + 1, Math.floor(observedAtMs + ageMs) - 1);
  // The logarithm is off by less than this; and the step ends just below 5, not at it.
  for (let i = 0; i < 8 && steps(weight, next - observedAtMs) === now; i += 1) next += 1;
  return next;
}

function weightOf(signal: Signal): Weight | null {
  const value = names.has(signal.name) ? readObject(signal.value) : null;
  const [score, halfLifeMs] = [value?.['s'], value?.['h']];
  if (typeof score !== 'number' || typeof halfLifeMs !== 'number') return null;
  if (!(score >= 1 && score <= 100 && halfLifeMs >= 1)) return null;
  return { score, halfLifeMs };
}
