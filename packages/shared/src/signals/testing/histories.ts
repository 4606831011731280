import type { UserHistory } from '../history.ts';

export { limits } from '../history-model.ts';

/** What the order of coming may not change. */
export function withoutIds(history: UserHistory): Omit<UserHistory, 'counted'> {
  const { counted: _, ...rest } = history;
  return rest;
}
