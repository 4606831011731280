const unitMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds of a duration such as `90s`, `15m`, `2h` or `7d`; null if it is not one. */
export function durationMs(text: string): number | null {
  const [, digits, unit] = /^([1-9][0-9]{0,5})([smhd])$/.exec(text) ?? [];
  const milliseconds = unit === undefined ? undefined : unitMs[unit];
  return milliseconds === undefined ? null : Number(digits) * milliseconds;
}
