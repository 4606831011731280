import { fromBinary } from '@bufbuild/protobuf';
import { readSyncResponse, SyncResponseSchema } from '@sallyport/proto';
import { type Bus, busSubjects } from '@sallyport/shared/bus/bus';
import type { Lane } from '@sallyport/shared/state/model';
import type { HeartbeatMessage } from '@sallyport/shared/sync/messages';
import type { Monotonic } from './1-log/follow.ts';
import type { Encoded } from './3-frames/encode.ts';

/** What this replica says and hears by the bus, which may be away, slow or hostile at any time. */
export interface BusSide {
  /** Of the lanes that the bus carries, what this process committed. */
  frame(lane: Lane, bytes: Encoded): void;
  heartbeat(bytes: Encoded): void;
  stop(): void;
}

/** More often, what comes by the bus wakes nobody: the log is read by itself, too. */
const wakeMsMin = 5;
/** Heartbeats whose signatures are looked at, a second; replicas are few. */
const heartbeatsPerSecondMax = 50;

const carried: ReadonlyMap<Lane, string> = new Map([
  ['revoke', busSubjects.revoke],
  ['config', busSubjects.config],
]);

export function createBusSide(options: {
  readonly bus: Bus;
  readonly monotonic: Monotonic;
  /** Another replica has said something: there may be new rows. */
  readonly wake: () => void;
  /** Whether its signature holds is for the listener to find out. */
  readonly heard: (heartbeat: HeartbeatMessage) => void;
}): BusSide {
  const { bus, monotonic, wake, heard } = options;
  let wokenAtMs = Number.NEGATIVE_INFINITY;
  let second = 0;
  let heartbeats = 0;

  const onFrame = (): void => {
    const nowMs = monotonic();
    if (nowMs - wokenAtMs < wakeMsMin) return;
    wokenAtMs = nowMs;
    wake();
  };

  const onHeartbeat = (payload: Uint8Array): void => {
    const now = Math.floor(monotonic() / 1_000);
    if (now !== second) heartbeats = 0;
    second = now;
    heartbeats += 1;
    if (heartbeats > heartbeatsPerSecondMax) return;
    const message = readHeartbeat(payload);
    if (message !== null) heard(message);
  };

  const stops = [
    ...[...carried.values()].map((subject) => bus.subscribe(subject, onFrame)),
    bus.subscribe(busSubjects.heartbeat, onHeartbeat),
  ];
  return {
    frame(lane, bytes) {
      const subject = carried.get(lane);
      if (subject !== undefined) bus.publish(subject, bytes);
    },
    heartbeat(bytes) {
      bus.publish(busSubjects.heartbeat, bytes);
    },
    stop() {
      for (const stop of stops) stop();
    },
  };
}

/** null: it is none that this version can read. */
function readHeartbeat(payload: Uint8Array): HeartbeatMessage | null {
  try {
    const message = readSyncResponse(fromBinary(SyncResponseSchema, payload));
    return message?.kind === 'heartbeat' ? message.value : null;
  } catch {
    return null;
  }
}
