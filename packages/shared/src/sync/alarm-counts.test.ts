import { expect, it } from 'vitest';
import { alarmNamesMax, countAlarm } from './alarm-counts.ts';

it('counts alarms by name, and of more names than there is room for how many there were', () => {
  const counts = new Map<string, number>();
  countAlarm(counts, null);
  for (let n = 0; n < 40; n += 1) countAlarm(counts, `alarm_${n}`, n + 1);
  countAlarm(counts, 'alarm_3');
  countAlarm(counts, 'alarm_39', 100);
  expect(counts.size).toBe(alarmNamesMax);
  expect(counts.get('alarm_3')).toBe(5);
  expect(counts.get('alarm_30')).toBe(31);
  // 32 to 40 of their own, and what came later.
  expect(counts.get('other')).toBe(324 + 101);
  countAlarm(counts, 'alarm_1', Number.MAX_SAFE_INTEGER);
  expect(counts.get('alarm_1')).toBe(Number.MAX_SAFE_INTEGER);
});
