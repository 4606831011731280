import {
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  workerData,
} from 'node:worker_threads';
import type { LayoutChange } from '../lane-table.ts';
import { type ReaderLanes, StateReader } from '../reader.ts';

/** What the reading thread of reader-threads.test.ts is given. */
export interface ReaderWork {
  readonly lanes: ReaderLanes;
  readonly layouts: MessagePort;
  /** Devices that one revision always changes together. */
  readonly devices: readonly string[];
  readonly owner: string;
  /** Set to 1 to end it; [1] counts its passes. */
  readonly control: Int32Array;
}

export interface ReaderFindings {
  readonly passes: number;
  /** Passes that saw different revisions, as text. */
  readonly torn: readonly string[];
  readonly revisions: number;
}

const { lanes, layouts, devices, owner, control } = workerData as ReaderWork;
const reader = new StateReader(lanes, () => {
  const received = receiveMessageOnPort(layouts);
  return received === undefined ? null : (received.message as LayoutChange);
});

const torn: string[] = [];
const revisions = new Set<string>();
let passes = 0;
while (Atomics.load(control, 0) === 0) {
  const seen = reader.pass(() => devices.map((id) => reader.device(id)));
  const names = new Set(seen.map((device) => device?.name));
  const wrong = seen.some(
    (device, i) => device?.id !== devices[i] || device?.ownerUserId !== owner,
  );
  if (names.size !== 1 || wrong) torn.push(JSON.stringify(seen));
  revisions.add(seen[0]?.name ?? '');
  passes += 1;
  Atomics.store(control, 1, passes);
}
parentPort?.postMessage({ passes, torn, revisions: revisions.size } satisfies ReaderFindings);
