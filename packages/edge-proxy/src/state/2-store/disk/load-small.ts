import type { KeyedRows } from '@sallyport/shared/state/tables/keyed-rows';
import { comparePositions } from '@sallyport/shared/sync/position';
import { decodeProof } from './bytes.ts';
import { decodeCarried } from './carried-ops.ts';
import type { DiskKeys } from './disk-keys.ts';
import { type FileHeader, type FilePlace, openFile } from './file-format.ts';
import type { FileReader } from './files.ts';
import { decodeKeys, type HeldKeys, noKeys } from './held-keys.ts';
import type { Instant } from './instants.ts';
import { malformed, refusedLane, unreadable, wallAsOf } from './load-lane.ts';
import type { CarriedOps, LoadedLane, Problems } from './loaded-state.ts';
import { type LaneMark, type Marks, marksBytesMax, openMarks } from './marks.ts';
import type { DiskPaths } from './paths.ts';

export interface SmallSource {
  readonly paths: DiskPaths;
  readonly keys: DiskKeys;
  readonly reader: FileReader;
  readonly problems: Problems;
  readonly now: Instant;
}

const configBytesMax = 257 * 2 ** 20;
const smallBytesMax = 64 * 2 ** 20;
/** More than is ever carried, with texts of the largest size. */
const carriedBytesMax = 512 * 2 ** 20;

export const configPlace = { kind: 'config', lane: 'config', shard: 0 } as const;
export const keysPlace = { kind: 'keys', lane: null, shard: 0 } as const;
export const carriedPlace = { kind: 'carried', lane: 'revoke', shard: 0 } as const;

/** null: there are none that can be believed. */
export function loadMarks({ paths, keys, reader, problems }: SmallSource): Marks | null {
  const path = paths.marks;
  try {
    const bytes = reader.read(path, marksBytesMax);
    if (bytes === null) return null;
    const opened = openMarks(keys, bytes);
    if ('ok' in opened) {
      problems.add(path, opened);
      return null;
    }
    if (opened.torn !== null) problems.add(path, opened.torn);
    return opened.marks;
  } catch (error) {
    problems.add(path, unreadable(error));
    return null;
  }
}

/** Reads the rows of the config lane; what is behind the marks is refused. */
export function loadConfig(source: SmallSource, mark: LaneMark, rows: KeyedRows): LoadedLane {
  const { paths, problems } = source;
  const path = paths.small('config');
  const refuse = (problem: Problem): LoadedLane => {
    problems.add(path, problem, { lane: 'config' });
    return refusedLane([0], mark);
  };
  const opened = readSmall(source, path, configPlace, configBytesMax);
  if (opened === null) {
    const detail = `this edge has held ${mark.highest?.epoch}/${mark.highest?.rev}`;
    return mark.highest === null ? refusedLane([0], mark) : refuse({ code: 'missing', detail });
  }
  if (!opened.ok) return refuse(opened.problem);
  const { position } = opened.header;
  if (mark.highest !== null && comparePositions(position, mark.highest) < 0) {
    return refuse({ code: 'rollback', detail: 'it is behind what this edge has held' });
  }
  try {
    const { proof, rest } = decodeProof(opened.body);
    rows.load(rest);
    const { highest } = mark;
    const asOfMs = wallAsOf(mark, source.now);
    return { complete: true, position, proof, asOfMs, missingShards: [], highest };
  } catch (error) {
    return refuse(malformed(error));
  }
}

/** The signing keys that were held; the root vouches for each of them, so older ones do no harm. */
export function loadKeys(source: SmallSource): HeldKeys {
  const path = source.paths.small('keys');
  const opened = readSmall(source, path, keysPlace, smallBytesMax);
  if (opened === null) return noKeys;
  if (!opened.ok) {
    source.problems.add(path, opened.problem);
    return noKeys;
  }
  try {
    // The keys point into the bytes, and the reader's memory is used again.
    return decodeKeys(Uint8Array.from(opened.body));
  } catch (error) {
    source.problems.add(path, malformed(error));
    return noKeys;
  }
}

export interface LoadedCarried {
  readonly ops: CarriedOps;
  readonly sequence: number;
  /** false: denials that were enforced are missing, so the revoke lane cannot be relied on. */
  readonly complete: boolean;
}

const nothingCarried: CarriedOps = { epoch: 0, denials: [], early: [] };

/** Denials that were carried, which must not be older than the marks know. */
export function loadCarried(source: SmallSource, sequenceMin: number): LoadedCarried {
  const path = source.paths.small('carried');
  const refuse = (problem: Problem): LoadedCarried => {
    source.problems.add(path, problem, { lane: 'revoke' });
    return { ops: nothingCarried, sequence: sequenceMin, complete: false };
  };
  const opened = readSmall(source, path, carriedPlace, carriedBytesMax);
  if (opened === null) {
    if (sequenceMin === 0) return { ops: nothingCarried, sequence: 0, complete: true };
    return refuse({ code: 'missing', detail: 'this edge has carried denials' });
  }
  if (!opened.ok) return refuse(opened.problem);
  const { sequence } = opened.header;
  if (sequence < sequenceMin) {
    const detail = `it is number ${sequence}, and this edge has written ${sequenceMin}`;
    return refuse({ code: 'rollback', detail });
  }
  try {
    return { ops: decodeCarried(opened.body), sequence, complete: true };
  } catch (error) {
    return refuse(malformed(error));
  }
}

type Problem = Parameters<Problems['add']>[1];
type Small =
  | { readonly ok: true; readonly header: FileHeader; readonly body: Buffer }
  | { readonly ok: false; readonly problem: Problem };

/** null: there is no such file. */
function readSmall(
  { keys, reader }: SmallSource,
  path: string,
  place: FilePlace,
  bytesMax: number,
): Small | null {
  try {
    const bytes = reader.read(path, bytesMax);
    if (bytes === null) return null;
    const opened = openFile(keys, bytes, place);
    return opened.ok ? opened : { ok: false, problem: opened };
  } catch (error) {
    return { ok: false, problem: unreadable(error) };
  }
}
