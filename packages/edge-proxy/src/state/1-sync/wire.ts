import { create, fromBinary } from '@bufbuild/protobuf';
import {
  AckStage,
  fetchToWire,
  lanePositionToWire,
  laneToWire,
  nackToWire,
  OpsSchema,
  opsToBytes,
  pathToWire,
  positionToWire,
  type SyncRequest,
  SyncRequestSchema,
} from '@sallyport/proto';
import type { Block, Lane, Position } from '@sallyport/shared/state/model';
import type { FetchMessage, LanePosition, NackMessage } from '@sallyport/shared/sync/messages';
import type { Delivery, Stage } from '../../worker/distributor.ts';
import { monotonicMs } from '../monotonic.ts';

/** What an edge says on a Sync stream, in its wire form. */

const protocolVersion = 1;

export interface HelloFields {
  readonly softwareVersion: string;
  readonly region: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function helloMessage(hello: HelloFields, have: readonly LanePosition[]): SyncRequest {
  const { softwareVersion, region, labels } = hello;
  return create(SyncRequestSchema, {
    message: {
      case: 'hello',
      value: {
        protocol: protocolVersion,
        softwareVersion,
        region,
        labels,
        have: have.map(lanePositionToWire),
      },
    },
  });
}

const stages = {
  applied: AckStage.APPLIED,
  enforced: AckStage.ENFORCED,
} as const satisfies Record<Stage, AckStage>;

export function ackMessage(stage: Stage, delivery: Omit<Delivery, 'silent'>): SyncRequest {
  const { lane, position, path, arrivedAtMs } = delivery;
  const value = {
    lane: laneToWire(lane),
    position: positionToWire(position),
    stage: stages[stage],
    tookUs: BigInt(Math.max(0, Math.round((monotonicMs() - arrivedAtMs) * 1_000))),
    path: pathToWire(path),
  };
  return create(SyncRequestSchema, { message: { case: 'ack', value } });
}

const detailCharactersMax = 1_000;

export function nackMessage(nack: NackMessage): SyncRequest {
  const detail = nack.detail.slice(0, detailCharactersMax);
  return create(SyncRequestSchema, {
    message: { case: 'nack', value: nackToWire({ ...nack, detail }) },
  });
}

export function fetchMessage(fetch: FetchMessage): SyncRequest {
  return create(SyncRequestSchema, { message: { case: 'fetch', value: fetchToWire(fetch) } });
}

export interface LaneReport {
  readonly lane: Lane;
  readonly position: Position | null;
  readonly digest: Uint8Array;
  /** null: no heartbeat has spoken of this position. */
  readonly digestAgrees: boolean | null;
  readonly stalenessMs: number;
  readonly alarms: Readonly<Record<string, number>>;
}

export function reportMessage(report: LaneReport): SyncRequest {
  const { lane, position, digest, digestAgrees, stalenessMs, alarms } = report;
  const value = {
    lane: laneToWire(lane),
    digest,
    stalenessMs: BigInt(stalenessMs),
    alarms: Object.fromEntries(Object.entries(alarms).map(([name, n]) => [name, BigInt(n)])),
    ...(position === null ? {} : { position: positionToWire(position) }),
    ...(digestAgrees === null ? {} : { digestAgrees }),
  };
  return create(SyncRequestSchema, { message: { case: 'report', value } });
}

export function carriedMessage(position: Position, blocks: readonly Block[]): SyncRequest {
  const wire = fromBinary(OpsSchema, opsToBytes(blocks)).ops.flatMap(({ op }) =>
    op.case === 'block' ? [op.value] : [],
  );
  const value = { position: positionToWire(position), blocks: wire };
  return create(SyncRequestSchema, { message: { case: 'carried', value } });
}
