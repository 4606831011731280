import { StateReader } from '@sallyport/shared/state/tables/reader';
import { type Figure, median } from './report.ts';
import type { Filled } from './state-rows.ts';

const passes = 50_000;
/** Subjects whose requests a worker sees at one time. */
const active = 500;
/** Lookups of one decision, as below. */
const lookupsOfPass = 9;

/** What a worker pays for a lookup, by any of all subjects and by those that are active. */
export function measureLookups(filled: Filled, runs: number): Figure[] {
  const { revoke, carried, signals, directory } = filled;
  const reader = new StateReader(
    {
      revoke: revoke.shared(),
      carried: carried.shared(),
      signals: signals.shared(),
      directory: directory.shared(),
    },
    () => null,
  );
  const nowMs = Date.now();
  let start = 0;
  /** Microseconds of one turn; each run asks for other subjects, which no cache has. */
  const timed = (subjects: number, turn: (asked: Asked) => void): number =>
    median(
      Array.from({ length: runs + 1 }, () => {
        const all = Array.from({ length: subjects }, (_, i) => askedOf(filled, start + i));
        start = (start + subjects) % (filled.count - passes);
        const before = performance.now();
        for (let i = 0; i < passes; i += 1) turn(all[i % subjects] ?? noOne);
        return ((performance.now() - before) * 1_000) / passes;
      }).slice(1),
    );
  const figure = (what: string, value: number, goal: number | null): Figure => ({
    what,
    unit: 'us',
    value,
    goal,
    better: 'lower',
  });
  const decide = (asked: Asked): void => void gather(reader, asked, nowMs);
  return [
    figure(
      `a lookup in a decision, ${active} active subjects of 1 M`,
      timed(active, decide) / lookupsOfPass,
      0.3,
    ),
    figure(
      'a lookup in a decision, any subject of 1 M',
      timed(passes, decide) / lookupsOfPass,
      0.3,
    ),
    figure(
      'a lookup on its own, any session of 1 M',
      timed(passes, ({ sid }) => void reader.isSessionEnded(sid)),
      null,
    ),
  ];
}

/** What a request names. */
interface Asked {
  readonly certificate: string;
  readonly sid: string;
  readonly user: string;
}

const noOne: Asked = { certificate: '', sid: '', user: '' };

function askedOf(filled: Filled, i: number): Asked {
  return {
    certificate: filled.certificate(i),
    sid: filled.endedSession(i),
    user: filled.owner(i),
  };
}

/** Nine lookups, as a decision makes them: one pass. */
function gather(reader: StateReader, asked: Asked, nowMs: number): boolean {
  return reader.pass(() => {
    const certificate = reader.deviceByCertificate(asked.certificate);
    const device = certificate === null ? null : reader.device(certificate.deviceId);
    if (device === null) return false;
    const { global } = reader.generations(asked.user, device.id);
    return (
      global >= 0 &&
      reader.isSessionEnded(asked.sid) &&
      (reader.isBlocked('everyone', '', nowMs) ||
        reader.isBlocked('user', asked.user, nowMs) ||
        reader.isBlocked('device', device.id, nowMs))
    );
  });
}
