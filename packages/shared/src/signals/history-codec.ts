import { detectorNames } from './finding.ts';
import { accuracyKmMax } from './geo.ts';
import { ByteReader, ByteWriter, Unreadable } from './history-bytes.ts';
import {
  emptyHistory,
  type Familiar,
  familiarAfterDays,
  limits,
  type PlaceSeen,
  secondsMax,
  type Tally,
  type UserHistory,
} from './history-model.ts';

/** The first byte: bytes of another form are not read. */
const form = 1;
const dayS = 86_400;
const asnMax = 2 ** 32 - 1;

/** As bytes: 150 to 200 for most users, 4 KiB at the most. Times are written as how long before the newest. */
export function encodeHistory(history: UserHistory): Uint8Array {
  const out = new ByteWriter();
  const { newestS } = history;
  const age = (atS: number): void => out.number(newestS - atS);
  const today = Math.floor(newestS / dayS);
  out.number(form);
  out.number(newestS);
  out.list(history.places, (seen) => writePlace(out, seen, newestS));
  out.list(history.lastSignIn === null ? [] : [history.lastSignIn], (seen) =>
    writePlace(out, seen, newestS),
  );
  out.list(history.devices, ({ name, day }) => {
    out.key(name);
    out.number(today - day);
  });
  out.list(history.countries, ({ name, day }) => {
    out.country(name);
    out.number(today - day);
  });
  out.list(history.networks, ({ country, asn, days, day }) => {
    out.country(country);
    out.number(asn);
    out.number(days);
    out.number(today - day);
  });
  writeTally(out, history.failures, newestS);
  out.list(history.denials, ({ route, tally }) => {
    out.key(route);
    writeTally(out, tally, newestS);
  });
  out.list(history.counted, ({ key, markS }) => {
    out.key(key);
    age(markS);
  });
  out.list(history.raised, ({ key, detector, atS }) => {
    out.key(key);
    out.number(detector);
    age(atS);
  });
  return out.bytes();
}

/** `readable` false: the bytes are none of ours, and the history is the empty one. Never throws. */
export function decodeHistory(bytes: Uint8Array): {
  readonly history: UserHistory;
  readonly readable: boolean;
} {
  try {
    return { history: read(new ByteReader(bytes)), readable: true };
  } catch (error) {
    if (error instanceof Unreadable) return { history: emptyHistory, readable: false };
    throw error;
  }
}

function read(input: ByteReader): UserHistory {
  if (input.number(255) !== form) throw new Unreadable();
  const newestS = input.number(secondsMax);
  const today = Math.floor(newestS / dayS);
  const time = (): number => newestS - input.number(newestS);
  const history: UserHistory = {
    newestS,
    places: input.list(limits.places, () => readPlace(input, newestS)),
    lastSignIn: input.list(1, () => readPlace(input, newestS))[0] ?? null,
    devices: input.list(limits.devices, () => familiar(input.key())),
    countries: input.list(limits.countries, () => familiar(input.country())),
    networks: input.list(limits.networks, () => ({
      country: input.country(),
      asn: input.number(asnMax),
      days: input.number(familiarAfterDays),
      day: today - input.number(today),
    })),
    failures: readTally(input, newestS),
    denials: input.list(limits.routes, () => ({
      route: input.key(),
      tally: readTally(input, newestS),
    })),
    counted: input.list(limits.counted, () => ({ key: input.key(), markS: time() })),
    raised: input.list(limits.raised, () => ({
      key: input.key(),
      detector: input.number(detectorNames.length - 1),
      atS: time(),
    })),
  };
  input.end();
  return history;

  function familiar<Name>(name: Name): Familiar<Name> {
    return { name, day: today - input.number(today) };
  }
}

function writePlace(out: ByteWriter, seen: PlaceSeen, newestS: number): void {
  const { country, coordinates, asn } = seen.place;
  out.number((seen.device === null ? 0 : 1) + (country === null ? 0 : 2) + (seen.settled ? 4 : 0));
  if (seen.device !== null) out.key(seen.device);
  out.key(seen.session);
  out.number(newestS - seen.atS);
  if (country !== null) out.country(country);
  out.number(Math.round((coordinates.latitude + 90) * 100));
  out.number(Math.round((coordinates.longitude + 180) * 100));
  out.number(coordinates.accuracyKm);
  out.number(asn ?? 0);
}

function readPlace(input: ByteReader, newestS: number): PlaceSeen {
  const flags = input.number(7);
  const device = (flags & 1) === 0 ? null : input.key();
  const session = input.key();
  const atS = newestS - input.number(newestS);
  const country = (flags & 2) === 0 ? null : input.country();
  const coordinates = {
    latitude: (input.number(18_000) - 9_000) / 100,
    longitude: (input.number(36_000) - 18_000) / 100,
    accuracyKm: input.number(accuracyKmMax),
  };
  const asn = input.number(asnMax);
  const place = { country, region: null, coordinates, asn: asn === 0 ? null : asn, egress: null };
  return { atS, device, session, settled: (flags & 4) !== 0, place };
}

function writeTally(out: ByteWriter, tally: Tally, newestS: number): void {
  out.list(tally, ({ atS, count }) => {
    out.number(newestS - atS);
    out.number(count);
  });
}

function readTally(input: ByteReader, newestS: number): Tally {
  const tally = input.list(limits.tally, () => ({
    atS: newestS - input.number(newestS),
    count: input.number(2 ** 32 - 1),
  }));
  const ordered = tally.every((entry, i) => i === 0 || (tally[i - 1]?.atS ?? 0) < entry.atS);
  if (!ordered) throw new Unreadable();
  return tally;
}
