const quarterMs = 15 * 60_000;
const rememberedMax = 2048;
/** What JavaScript has dates for. */
const instantMaxMs = 8.64e15;
const name = /^[A-Za-z][A-Za-z0-9+_-]*(?:\/[A-Za-z0-9+_-]+)*$/;

/**
 * A time zone. What it differs from UTC changes only at a full quarter of an hour, so that is asked
 * for once for each quarter: asking costs more than a whole decision.
 */
export class Zone {
  readonly #format: Intl.DateTimeFormat;
  readonly #offsets = new Map<number, number>();

  constructor(format: Intl.DateTimeFormat) {
    this.#format = format;
  }

  /** What the zone's clocks are ahead of UTC; null where there is no such instant. */
  offsetMs(atMs: number): number | null {
    if (!(Math.abs(atMs) <= instantMaxMs - quarterMs)) return null;
    return this.#offsetOf(Math.floor(atMs / quarterMs));
  }

  /** The first instant after `fromMs` at which the offset is another than then; null: none up to `toMs`. */
  changesBetween(fromMs: number, toMs: number): number | null {
    let before = Math.floor(fromMs / quarterMs);
    let after = Math.floor(toMs / quarterMs);
    const offsetMs = this.#offsetOf(before);
    // The span is a day at the most, and no zone changes its clocks and takes it back in a day.
    if (this.#offsetOf(after) === offsetMs) return null;
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (this.#offsetOf(middle) === offsetMs) before = middle;
      else after = middle;
    }
    return after * quarterMs;
  }

  #offsetOf(quarter: number): number {
    const known = this.#offsets.get(quarter);
    if (known !== undefined) return known;
    const parts = this.#format.formatToParts(quarter * quarterMs);
    const offsetMs = parseOffset(parts.find(({ type }) => type === 'timeZoneName')?.value ?? '');
    if (this.#offsets.size >= rememberedMax) this.#offsets.clear();
    this.#offsets.set(quarter, offsetMs);
    return offsetMs;
  }
}

/** By name in lower case; there are no more than a few hundred zones. */
const zones = new Map<string, Zone>();

/** The zone of a name in the IANA database; null where there is none. */
export function zoneOf(text: string): Zone | null {
  const key = text.toLowerCase();
  const known = zones.get(key);
  if (known !== undefined) return known;
  const format = name.test(text) ? formatOf(text) : null;
  if (format === null) return null;
  const zone = new Zone(format);
  zones.set(key, zone);
  return zone;
}

function formatOf(timeZone: string): Intl.DateTimeFormat | null {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Reads `GMT`, `GMT+05:30` or, for long ago, `GMT-00:44:30`. */
function parseOffset(text: string): number {
  if (text === 'GMT') return 0;
  const found = /^GMT([+-])(\d{2}):(\d{2})(?::(\d{2}))?$/.exec(text);
  if (found === null) throw new Error(`not an offset: ${text}`);
  const [, sign, hours, minutes, seconds = '0'] = found;
  const total = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  return (sign === '-' ? -1 : 1) * total * 1000;
}
