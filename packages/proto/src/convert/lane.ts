import type { Lane } from '@sallyport/shared/state/model';
import { Lane as WireLane } from '../../gen/sallyport/v1/state_pb.js';

const toWire = {
  revoke: WireLane.REVOKE,
  config: WireLane.CONFIG,
  signals: WireLane.SIGNALS,
  directory: WireLane.DIRECTORY,
} as const satisfies Record<Lane, WireLane>;

const fromWire = new Map<WireLane, Lane>(
  Object.entries(toWire).map(([lane, wire]) => [wire, lane as Lane]),
);

export function laneToWire(lane: Lane): WireLane {
  return toWire[lane];
}

/** null: a lane of a newer protocol, which is ignored. */
export function laneFromWire(wire: WireLane): Lane | null {
  return fromWire.get(wire) ?? null;
}
