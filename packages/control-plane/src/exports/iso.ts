const yearsMs = 253_402_300_799_999;

/** RFC 3339 of an instant in milliseconds; null where no four digits say the year. */
export function isoOf(instantMs: number): string | null {
  const sound = instantMs >= 0 && instantMs <= yearsMs;
  return sound ? new Date(instantMs).toISOString() : null;
}
