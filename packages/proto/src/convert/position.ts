import { create } from '@bufbuild/protobuf';
import type { Position } from '@sallyport/shared/state/model';
import { PositionSchema, type Position as WirePosition } from '../../gen/sallyport/v1/sync_pb.js';

export function positionToWire(position: Position): WirePosition {
  return create(PositionSchema, { epoch: BigInt(position.epoch), rev: BigInt(position.rev) });
}

/** null where there is none. Revisions stay far below 2^53. */
export function positionFromWire(wire: WirePosition | undefined): Position | null {
  if (wire === undefined) return null;
  return { epoch: Number(wire.epoch), rev: Number(wire.rev) };
}
