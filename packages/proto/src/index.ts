export * from '../gen/sallyport/v1/state_pb.js';
export * from '../gen/sallyport/v1/sync_pb.js';
export { applyConfigOps, type ConfigRows, configRowKey } from './convert/config-rows.ts';
export { laneFromWire, laneToWire } from './convert/lane.ts';
export { opsFromBytes, opsToBytes, UnreadableOpsError } from './convert/ops.ts';
export { positionFromWire, positionToWire } from './convert/position.ts';
export {
  fetchFromWire,
  fetchToWire,
  lanePositionFromWire,
  lanePositionToWire,
  nackFromWire,
  nackToWire,
  pathFromWire,
  pathToWire,
} from './convert/sync-edge.ts';
export {
  MalformedMessageError,
  readSyncResponse,
  type SyncMessage,
  syncResponse,
} from './convert/sync-messages.ts';
