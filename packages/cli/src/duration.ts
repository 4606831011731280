const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of a duration such as `90s`, `15m`, `2h` or `7d`; null if it is not one. */
export function durationSeconds(text: string): number | null {
  const [, digits, unit] = /^([1-9][0-9]{0,8})([smhd])$/.exec(text) ?? [];
  const seconds = unit === undefined ? undefined : unitSeconds[unit];
  return seconds === undefined ? null : Number(digits) * seconds;
}
