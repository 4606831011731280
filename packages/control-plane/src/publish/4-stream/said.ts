import { create, toBinary } from '@bufbuild/protobuf';
import {
  type Ack,
  AckStage,
  type Carried,
  laneFromWire,
  OpsSchema,
  opsFromBytes,
  pathFromWire,
  positionFromWire,
  type Report,
  UnreadableOpsError,
} from '@sallyport/proto';
import type { Block, Lane } from '@sallyport/shared/state/model';
import { countAlarm } from '@sallyport/shared/sync/alarm-counts';
import type { LaneReport } from '../edge-lane.ts';
import type { SaidAck } from '../edge-tracker.ts';

/** What edges say, read once and kept within bounds. */

const alarmName = /^[a-z0-9_]{1,32}$/i;
const blocksMax = 10_000;

/** null: of a lane or a stage that this version does not know. */
export function readAck(ack: Ack): SaidAck | null {
  const lane = laneFromWire(ack.lane);
  const position = positionFromWire(ack.position);
  if (lane === null || position === null || ack.stage === AckStage.UNSPECIFIED) return null;
  const stage = ack.stage === AckStage.ENFORCED ? 'enforced' : 'applied';
  return { lane, position, stage, path: pathFromWire(ack.path) };
}

/** null: of a lane that this version does not know. */
export function readReport(
  report: Report,
): { readonly lane: Lane; readonly report: LaneReport; readonly digest: Uint8Array } | null {
  const lane = laneFromWire(report.lane);
  if (lane === null) return null;
  const alarms = new Map<string, number>();
  for (const [name, count] of Object.entries(report.alarms)) {
    countAlarm(alarms, alarmName.test(name) ? name.toLowerCase() : null, bounded(count));
  }
  return {
    lane,
    digest: report.digest,
    report: {
      position: positionFromWire(report.position),
      stalenessMs: known(report.stalenessMs),
      digestAgrees: report.digestAgrees ?? null,
      alarms: Object.fromEntries(alarms),
    },
  };
}

/** null: too many, or of a kind that this version does not know. */
export function readCarried(carried: Carried): readonly Block[] | null {
  if (carried.blocks.length > blocksMax) return null;
  const ops = create(OpsSchema, {
    ops: carried.blocks.map((value) => ({ op: { case: 'block' as const, value } })),
  });
  try {
    return opsFromBytes(toBinary(OpsSchema, ops)).filter((op) => op.op === 'block');
  } catch (error) {
    if (error instanceof UnreadableOpsError) return null;
    throw error;
  }
}

/** null: so old that it is no age at all. */
function known(count: bigint): number | null {
  const number = bounded(count);
  return number === Number.MAX_SAFE_INTEGER ? null : number;
}

function bounded(count: bigint): number {
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(count > limit ? limit : count);
}
