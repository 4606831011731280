/** Alarms by name, as an edge counts and reports them and the control plane keeps them. */

/** So many names, and no more, in what is counted and in one report. */
export const alarmNamesMax = 32;
/** How many there were of all further names, so that none goes unseen. */
const others = 'other';

/** Counts so many of a name; where there is no room for another name, among the others. */
export function countAlarm(counts: Map<string, number>, name: string | null, more = 1): void {
  const room = alarmNamesMax - (counts.has(others) ? 0 : 1);
  const key = name !== null && (counts.has(name) || counts.size < room) ? name : others;
  counts.set(key, Math.min(Number.MAX_SAFE_INTEGER, (counts.get(key) ?? 0) + more));
}
