import type { CurrentState } from '../state/current.ts';
import type { Answer } from './exchange.ts';

/** The answer while this edge can decide nothing. */
export function unready(
  state: Pick<CurrentState, 'notReadyReasons'>,
): Extract<Answer, { kind: 'failed' }> {
  const blocked = state.notReadyReasons().includes('edge_blocked');
  return { kind: 'failed', code: blocked ? 'edge_blocked' : 'not_ready' };
}
