import { randomBytes } from 'node:crypto';
import { newId } from '@sallyport/shared/ids';
import type { RowOp } from '@sallyport/shared/state/tables/lane';
import { createLaneTable, type LaneTable } from '@sallyport/shared/state/tables/lane-table';

/** Tables as an edge has them, and the ids of their rows, in no order that the rows have. */
export interface Filled {
  readonly directory: LaneTable;
  readonly revoke: LaneTable;
  readonly signals: LaneTable;
  readonly carried: LaneTable;
  readonly count: number;
  readonly device: IdList;
  readonly owner: IdList;
  readonly certificate: IdList;
  readonly endedSession: IdList;
}

/** Gives the id of a number, in one piece as one that was read from a request. */
type IdList = (i: number) => string;

const revisionRows = 1_000;
const dayMs = 86_400_000;

/** `count` devices, each with a certificate and an owner, and as many ended sessions. */
export function fillTables(count: number): Filled {
  const directory = createLaneTable('directory');
  const revoke = createLaneTable('revoke');
  const device = idList(count, () => newId('dev'));
  const owner = idList(count, () => newId('usr'));
  const endedSession = idList(count, () => newId('ses'));
  const certificate = idList(count, () => randomBytes(32).toString('hex'));
  const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
  const rowsOf = (i: number): RowOp[] => [
    {
      op: 'device',
      id: device(i),
      name: `laptop-${String(i).padStart(6, '0')}`,
      managed: true,
      ownerUserId: owner(i),
      posture: [],
    },
    {
      op: 'device_certificate',
      sha256: certificate(i),
      deviceId: device(i),
      notBeforeMs: nowMs,
      notAfterMs: nowMs + 30 * dayMs,
    },
  ];
  for (let from = 0; from < count; from += revisionRows) {
    const numbers = Array.from(
      { length: Math.min(revisionRows, count - from) },
      (_, i) => from + i,
    );
    directory.apply(numbers.flatMap(rowsOf));
    revoke.apply(
      numbers.map((i) => ({ op: 'ended_session', sid: endedSession(i), expiresAtMs: nowMs + i })),
    );
  }
  const [signals, carried] = [createLaneTable('signals'), createLaneTable('revoke')];
  return {
    directory,
    revoke,
    signals,
    carried,
    count,
    device,
    owner,
    certificate,
    endedSession,
  };
}

/** Keeps the ids in one buffer: millions of strings would be the benchmark's own garbage to collect. */
function idList(count: number, make: () => string): IdList {
  const length = make().length;
  const bytes = Buffer.alloc(count * length);
  for (let i = 0; i < count; i += 1) bytes.write(make(), i * length, 'latin1');
  return (i) => bytes.toString('latin1', i * length, (i + 1) * length);
}
