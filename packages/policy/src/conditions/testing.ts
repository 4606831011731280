import type { DeviceFacts, Facts, SessionFacts, UserFacts } from '../facts.ts';
import { segmentsOf } from '../pattern.ts';
import { PolicyCompileError, type PolicyProblem, Problems } from '../problems.ts';
import type { Truth } from '../truth.ts';
import { View } from '../view.ts';
import type { Condition, RuleKind } from './condition.ts';
import type { ConditionField } from './index.ts';
import { ConditionPool } from './pool.ts';

/** For tests of single conditions: one condition, and facts that are whole unless said otherwise. */

/** 2027-01-15T08:00:00Z, a Friday. */
export const nowMs = 1_800_000_000_000;

export const device: Extract<DeviceFacts, { kind: 'known' }> = {
  kind: 'known',
  id: 'd',
  managed: true,
  ownerUserId: 'u',
  certificateSha256: '00',
  certificateNotBeforeMs: nowMs - 1_000_000,
  certificateNotAfterMs: nowMs + 1_000_000,
  posture: [],
  blocked: null,
};

export const session: Extract<SessionFacts, { kind: 'live' }> = {
  kind: 'live',
  sid: 's',
  userId: 'u',
  deviceId: 'd',
  authenticatedAtMs: nowMs - 600_000,
  amr: ['pwd'],
  expiresAtMs: nowMs + 1_000_000,
};

export const user: Extract<UserFacts, { kind: 'known' }> = {
  kind: 'known',
  id: 'u',
  email: 'u@corp.test',
  groups: [],
  status: 'active',
  blocked: false,
  employment: null,
};

const facts: Facts = {
  nowMs,
  request: { method: 'GET', host: 'a.test', path: '/', headers: {} },
  sourceAddress: '192.0.2.1',
  device,
  session,
  user,
  place: null,
  risk: null,
  lockdown: false,
  staleness: { revokeMs: 0, signalsMs: 0, configMs: 0, directoryMs: 0 },
};

/** Nobody is signed in. */
export const signedOut: Partial<Facts> = { session: { kind: 'none' }, user: { kind: 'none' } };

/** What is wrong with a value in a field of a rule. */
export function problemsOf(
  field: ConditionField,
  value: unknown,
  rule: RuleKind = 'allow',
): readonly PolicyProblem[] {
  try {
    compileOne(field, value, rule);
    return [];
  } catch (error) {
    if (error instanceof PolicyCompileError) return error.problems;
    throw error;
  }
}

/** The condition that a value in a field of a rule is; throws where it is not valid. */
export function compileOne(
  field: ConditionField,
  value: unknown,
  rule: RuleKind = 'allow',
): Condition {
  const problems = new Problems();
  const pool = new ConditionPool(new Set(['runner']));
  const condition = pool.make(field, value, { field: `/${field}`, problems }, rule);
  problems.throwIfAny();
  if (condition === null) throw new Error('nothing was compiled and nothing was wrong');
  return condition;
}

/** The view of the usual facts with some of them replaced. `d-runner` stands for `runner`. */
export function viewOf(some: Partial<Facts>): View {
  const all = { ...facts, ...some };
  const { groups } = new ConditionPool(new Set());
  const serviceOf = (id: string) => (id === 'd-runner' ? 'runner' : null);
  return new View({ groups, serviceOf }, all, segmentsOf(all.request.path));
}

/** What a value in a field of a rule comes to. */
export function truthFor(
  field: ConditionField,
  value: unknown,
  some: Partial<Facts>,
  rule: RuleKind = 'allow',
): Truth {
  return compileOne(field, value, rule).holds(viewOf(some));
}
