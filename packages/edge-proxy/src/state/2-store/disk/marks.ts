import { type Lane, lanes, type Position } from '@sallyport/shared/state/model';
import { laterPosition } from '@sallyport/shared/sync/position';
import { readWide, writeWide } from './bytes.ts';
import type { DiskKeys } from './disk-keys.ts';
import { headerBytes, openFile, type Refused, sealFile } from './file-format.ts';
import type { Instant } from './instants.ts';

/**
 * High-water marks: what this edge has held, whatever its files say. State on disk that is behind
 * them is an older copy, or has lost its end, and is refused.
 *
 * The marks are written twice in one file that never grows, one copy after the other, so that they
 * can be raised on a full disk, and a torn write leaves the other copy.
 */
export interface Marks {
  readonly sequence: number;
  readonly lanes: Readonly<Record<Lane, LaneMark>>;
  /** Of the file of carried denials; 0: there has never been one. */
  readonly carried: number;
}

export interface LaneMark {
  /** null: nothing yet. Only rises. */
  readonly highest: Position | null;
  /** Of which the state on disk is; null: not known. */
  readonly asOf: Instant | null;
}

const laneBytes = 48;
const bootIdBytes = 16;
const copyBytes = headerBytes + lanes.length * laneBytes + 8;

/** Where the two copies stand: in different blocks of any disk. */
export const marksCopiesAt = [0, 4096] as const;

/** More than the file ever has. */
export const marksBytesMax = 8192;

const nothing: LaneMark = { highest: null, asOf: null };
export const noMarks: Marks = {
  sequence: 0,
  lanes: { revoke: nothing, signals: nothing, config: nothing, directory: nothing },
  carried: 0,
};

/** The later of each; an as-of is the newer statement, since wall clocks are set back at times. */
export function raiseMarks(marks: Marks, by: Omit<Marks, 'sequence'>): Marks {
  const raised = lanes.map((lane): [Lane, LaneMark] => [
    lane,
    {
      highest: laterPosition(marks.lanes[lane].highest, by.lanes[lane].highest),
      asOf: by.lanes[lane].asOf ?? marks.lanes[lane].asOf,
    },
  ]);
  return {
    sequence: marks.sequence + 1,
    lanes: Object.fromEntries(raised) as Record<Lane, LaneMark>,
    carried: Math.max(marks.carried, by.carried),
  };
}

/** One copy of the file; `copy` is its number. */
export function sealMarks(keys: DiskKeys, marks: Marks, copy: number): Buffer {
  const body = Buffer.alloc(copyBytes - headerBytes);
  lanes.forEach((lane, index) => {
    const { highest, asOf } = marks.lanes[lane];
    const at = index * laneBytes;
    writeWide(body, highest?.epoch ?? 0, at);
    writeWide(body, highest?.rev ?? 0, at + 8);
    writeWide(body, asOf?.wallMs ?? 0, at + 16);
    writeWide(body, asOf?.boot?.ms ?? 0, at + 24);
    body.write(asOf?.boot?.id ?? '', at + 32, bootIdBytes, 'hex');
  });
  writeWide(body, marks.carried, lanes.length * laneBytes);
  const position = { epoch: 0, rev: 0 };
  const header = { kind: 'marks', lane: null, shard: copy, position } as const;
  return sealFile(keys, { ...header, sequence: marks.sequence }, body);
}

export interface OpenedMarks {
  readonly marks: Marks;
  /** What is wrong with the other copy; null: nothing. */
  readonly torn: Refused | null;
}

/** Reads the file: the newer copy of those that are whole. */
export function openMarks(keys: DiskKeys, bytes: Buffer): OpenedMarks | Refused {
  const copies = marksCopiesAt.map((at, copy) => {
    const place = { kind: 'marks', lane: null, shard: copy } as const;
    return openFile(keys, bytes.subarray(at, at + copyBytes), place);
  });
  const whole = copies.flatMap((copy) =>
    copy.ok ? [decode(copy.body, copy.header.sequence)] : [],
  );
  const broken = copies.find((copy) => !copy.ok);
  const newest = whole.sort((a, b) => b.sequence - a.sequence)[0];
  if (newest !== undefined) return { marks: newest, torn: broken ?? null };
  if (broken === undefined) throw new Error('a copy is whole or broken');
  return broken;
}

function decode(body: Buffer, sequence: number): Marks {
  const read = lanes.map((lane, index): [Lane, LaneMark] => {
    const at = index * laneBytes;
    const highest = { epoch: readWide(body, at), rev: readWide(body, at + 8) };
    return [
      lane,
      { highest: isNowhere(highest) ? null : highest, asOf: decodeAsOf(body, at + 16) },
    ];
  });
  return {
    sequence,
    lanes: Object.fromEntries(read) as Record<Lane, LaneMark>,
    carried: readWide(body, lanes.length * laneBytes),
  };
}

function decodeAsOf(body: Buffer, at: number): Instant | null {
  const wallMs = readWide(body, at);
  if (wallMs === 0) return null;
  const id = body.toString('hex', at + 16, at + 16 + bootIdBytes);
  return { wallMs, boot: /^0*$/.test(id) ? null : { id, ms: readWide(body, at + 8) } };
}

/** Epochs begin at 1. */
function isNowhere({ epoch, rev }: Position): boolean {
  return epoch === 0 && rev === 0;
}
