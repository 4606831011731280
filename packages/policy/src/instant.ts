const form = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?(?:Z|[+-]\d{2}:\d{2})$/;

/** Milliseconds since the epoch of an RFC 3339 instant such as `2026-12-01T00:00:00Z`, or null. */
export function instantMs(text: string): number | null {
  const [, day] = form.exec(text) ?? [];
  const atMs = day === undefined ? Number.NaN : Date.parse(text);
  if (day === undefined || Number.isNaN(atMs)) return null;
  // There is no 30th of February, whatever a lenient parser makes of it.
  const dayMs = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(dayMs) && new Date(dayMs).toISOString().startsWith(day) ? atMs : null;
}
