import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureBlockedSinks } from './lib/blocked-sinks.ts';
import { measureHistories } from './lib/histories.ts';
import { measurePlaces } from './lib/places.ts';
import { measureRecords } from './lib/records.ts';
import type { BenchmarkOptions, Figure, Report } from './lib/report.ts';
import { measureRequestPath } from './lib/request-path.ts';
import { measureTravel } from './lib/travel.ts';

/** One part of the figures. They run one after the other, each with the machine for itself. */
type Part = (
  options: BenchmarkOptions,
  folder: string,
) => Promise<{ readonly figures: readonly Figure[]; readonly notes: readonly string[] }>;

/** What signals and records cost. A further part is a row here and a file beside lib/records.ts. */
const parts: Readonly<Record<string, Part>> = {
  'request path': measureRequestPath,
  travel: measureTravel,
  places: measurePlaces,
  histories: measureHistories,
  records: measureRecords,
  // Last: it leaves this process on one core.
  'blocked sinks': measureBlockedSinks,
};

export async function signals(options: BenchmarkOptions): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const figures: Figure[] = [];
  const notes: string[] = [];
  try {
    for (const [name, part] of Object.entries(parts)) {
      options.say(`part: ${name}`);
      const measured = await part(options, folder);
      figures.push(...measured.figures);
      notes.push(...measured.notes);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { versions: { node: process.versions.node }, figures, notes };
}
