export * from '../gen/sallyport/v1/state_pb.js';
export * from '../gen/sallyport/v1/sync_pb.js';
export { laneFromWire, laneToWire } from './convert/lane.ts';
export { opsFromBytes, opsToBytes, UnreadableOpsError } from './convert/ops.ts';
export { positionFromWire, positionToWire } from './convert/position.ts';
