import { readdirSync } from 'node:fs';
import { opsFromBytes } from '@sallyport/proto';
import { type RowLane, type RowOp, shardsPerLane } from '@sallyport/shared/state/tables/lane';
import type { LaneTable } from '@sallyport/shared/state/tables/lane-table';
import type { FrameMessage } from '@sallyport/shared/sync/messages';
import { comparePositions } from '@sallyport/shared/sync/position';
import type { DiskKeys } from './disk-keys.ts';
import { openFile, type Refused } from './file-format.ts';
import { type FileReader, isMissing } from './files.ts';
import { ageOf, type Instant } from './instants.ts';
import { decodeIndex, type LaneIndex, type ShardFile } from './lane-index.ts';
import type { LoadedLane, Problems } from './loaded-state.ts';
import type { LaneMark } from './marks.ts';
import type { LanePaths } from './paths.ts';
import { type JournalEnd, readSegment } from './read-journal.ts';
import type { ShardFiles } from './shard-files.ts';

export interface LaneSource {
  readonly lane: RowLane;
  readonly paths: LanePaths;
  readonly keys: DiskKeys;
  readonly reader: FileReader;
  readonly table: LaneTable;
  readonly shards: ShardFiles;
  readonly mark: LaneMark;
  readonly problems: Problems;
  readonly now: Instant;
}

export interface FoundLane {
  readonly loaded: LoadedLane;
  /** null: there is none that can be read. */
  readonly index: LaneIndex | null;
  /** Bytes of the journal's segments, by sequence. */
  readonly segments: ReadonlyMap<number, number>;
  /** Above that of every file in the directory. */
  readonly nextSequence: number;
}

/** No lane is larger in the memory of an edge. */
const shardFileBytesMax = 64 * 2 ** 20;
const journalFileBytesMax = 128 * 2 ** 20;
const indexBytesMax = 2 ** 20;

/**
 * Reads a row lane into its table, which is empty. Shards that are not as they were written stay
 * empty and are named; the journal is read as far as it is whole. What ends up behind the marks is
 * an older copy, and not complete.
 */
export function loadLane(source: LaneSource): FoundLane {
  const { paths, mark, problems, lane } = source;
  const { highest } = mark;
  const { journals, nextSequence } = listFiles(source);
  const index = readIndex(source);
  if (index === null) {
    // A first checkpoint that was cut short leaves files, and nothing that was ever held.
    if (highest !== null) problems.add(paths.index, noIndex, { lane });
    const missingShards = Array.from({ length: shardsPerLane }, (_, shard) => shard);
    return { loaded: refusedLane(missingShards, mark), index, segments: new Map(), nextSequence };
  }
  const missingShards = readShards(source, index);
  const { end, segments } = readJournal(source, index, journals);
  const found = { index, segments, nextSequence };
  const behind = highest !== null && comparePositions(end.position, highest) < 0;
  if (behind) {
    const detail = `it leads to ${at(end.position)}, and this edge has held ${at(highest)}`;
    problems.add(paths.directory, { code: 'rollback', detail }, { lane });
  }
  if (behind || missingShards.length > 0) {
    return { ...found, loaded: refusedLane(missingShards, mark) };
  }
  const asOfMs = wallAsOf(mark, source.now);
  const loaded = { complete: true, ...end, asOfMs, missingShards, highest } as const;
  return { ...found, loaded };
}

const noIndex = { code: 'missing', detail: 'without it no file of the lane counts' } as const;

/** Of which the lane is, by the wall clock as it is set now; null: as old as can be. */
export function wallAsOf({ asOf }: LaneMark, now: Instant): number | null {
  const ageMs = asOf === null ? null : ageOf(asOf, now);
  return ageMs === null ? null : now.wallMs - ageMs;
}

/** A lane that cannot be relied on. */
export function refusedLane(missingShards: readonly number[], { highest }: LaneMark): LoadedLane {
  return { complete: false, position: null, proof: null, asOfMs: null, missingShards, highest };
}

function listFiles({ paths, problems, lane }: LaneSource): {
  readonly journals: readonly number[];
  readonly nextSequence: number;
} {
  let names: string[] = [];
  try {
    names = readdirSync(paths.directory);
  } catch (error) {
    if (!isMissing(error)) problems.add(paths.directory, unreadable(error), { lane });
  }
  const files = names.flatMap((name) => paths.parse(name) ?? []);
  const sequences = files.flatMap((file) => ('sequence' in file ? [file.sequence] : []));
  const journals = files.flatMap((file) => (file.kind === 'journal' ? [file.sequence] : []));
  return {
    journals: journals.sort((a, b) => a - b),
    nextSequence: Math.max(0, ...sequences) + 1,
  };
}

function readIndex(source: LaneSource): LaneIndex | null {
  const { keys, lane, paths, problems } = source;
  const bytes = readBytes(source, paths.index, indexBytesMax);
  if (bytes === null) return null;
  const opened = openFile(keys, bytes, { kind: 'index', lane, shard: 0 });
  if (!opened.ok) {
    problems.add(paths.index, opened, { lane });
    return null;
  }
  try {
    return decodeIndex(opened.body, opened.header, shardsPerLane);
  } catch (error) {
    problems.add(paths.index, malformed(error), { lane });
    return null;
  }
}

/** Returns the shards that could not be read. */
function readShards(source: LaneSource, index: LaneIndex): number[] {
  const { table, shards, lane, paths, problems } = source;
  const staged = table.stage();
  const refused = new Set<number>();
  for (const [shard, file] of index.shards.entries()) {
    if (file === null) continue;
    const problem = readShard(source, staged, shard, file);
    if (problem === null) continue;
    refused.add(shard);
    problems.add(paths.shard(shard, file.sequence), problem, { lane, shard });
  }
  staged.commit();
  for (const [shard, file] of index.shards.entries()) {
    if (!refused.has(shard)) shards.hold(shard, file);
  }
  return [...refused];
}

function readShard(
  { keys, lane, paths, reader }: LaneSource,
  staged: ReturnType<LaneTable['stage']>,
  shard: number,
  file: ShardFile,
): Pick<Refused, 'code' | 'detail'> | null {
  try {
    const bytes = reader.read(paths.shard(shard, file.sequence), shardFileBytesMax);
    if (bytes === null) return { code: 'missing', detail: 'the index names it' };
    const opened = openFile(keys, bytes, { kind: 'shard', lane, shard });
    if (!opened.ok) return opened;
    if (!opened.mac.equals(file.mac)) {
      return { code: 'rollback', detail: 'it is not the one that the index names' };
    }
    try {
      staged.restore(shard, opened.body);
    } catch (error) {
      return malformed(error);
    }
    return null;
  } catch (error) {
    return unreadable(error);
  }
}

function readJournal(
  source: LaneSource,
  index: LaneIndex,
  journals: readonly number[],
): { readonly end: JournalEnd; readonly segments: Map<number, number> } {
  const { keys, lane, paths, problems, table } = source;
  const apply = (frame: FrameMessage) => table.apply(opsFromBytes(frame.body) as RowOp[]);
  const segments = new Map<number, number>();
  let end: JournalEnd = { position: index.from, proof: index.proof };
  for (const sequence of journals.filter((one) => one >= index.sequence)) {
    const path = paths.journal(sequence);
    const bytes = readBytes(source, path, journalFileBytesMax);
    if (bytes === null) continue;
    segments.set(sequence, bytes.length);
    const { refused, ...reached } = readSegment(keys, bytes, lane, end, apply);
    end = reached;
    if (refused !== null) problems.add(path, refused, { lane });
  }
  return { end, segments };
}

function readBytes(
  { reader, problems, lane }: LaneSource,
  path: string,
  bytesMax: number,
): Buffer | null {
  try {
    return reader.read(path, bytesMax);
  } catch (error) {
    problems.add(path, unreadable(error), { lane });
    return null;
  }
}

export function unreadable(error: unknown): Pick<Refused, 'code' | 'detail'> {
  return { code: 'unreadable', detail: messageOf(error) };
}

export function malformed(error: unknown): Pick<Refused, 'code' | 'detail'> {
  return { code: 'malformed', detail: messageOf(error) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function at({ epoch, rev }: { readonly epoch: number; readonly rev: number }): string {
  return `${epoch}/${rev}`;
}
