import { fromBinary } from '@bufbuild/protobuf';
import { type SyncResponse, SyncResponseSchema } from '@sallyport/proto';
import { type Bus, busSubjects } from '@sallyport/shared/bus/bus';
import type { Lane } from '@sallyport/shared/state/model';
import { lanes } from '../lanes.ts';
import { monotonicMs } from '../monotonic.ts';
import { Budget, type BudgetLimits } from './budget.ts';
import type { Inbox } from './inbox.ts';

interface Subject {
  readonly name: string;
  /** What it may bring: nothing of other lanes, and no keys, goes by the bus. */
  readonly lanes: readonly Lane[];
  readonly kinds: readonly SyncResponse['message']['case'][];
  /** Larger payloads are not read. */
  readonly bytesMax: number;
  /** Of its own: a flood on one subject takes nothing from another. */
  readonly budget: BudgetLimits;
}

/** Beside the body: header, signature, key id. */
const frameBytes = 4_096;

const subjects: readonly Subject[] = [
  {
    name: busSubjects.revoke,
    lanes: ['revoke'],
    kinds: ['frame', 'provisional'],
    bytesMax: 1_048_576 + frameBytes,
    budget: { messages: 2_000, workMs: 200 },
  },
  {
    name: busSubjects.config,
    lanes: ['config'],
    kinds: ['frame'],
    bytesMax: 4_194_304,
    budget: { messages: 200, workMs: 50 },
  },
  {
    name: busSubjects.heartbeat,
    lanes,
    kinds: ['heartbeat'],
    bytesMax: 16_384,
    budget: { messages: 200, workMs: 50 },
  },
];

/**
 * Takes what the bus brings, from now until the function that it returns is called. `nowMs`: of the
 * monotonic clock.
 */
export function listenToBus(
  bus: Bus,
  inbox: Pick<Inbox, 'take' | 'alarm'>,
  nowMs: () => number = monotonicMs,
): () => void {
  const leave = subjects.map((subject) => {
    const budget = new Budget(subject.budget, nowMs);
    return bus.subscribe(subject.name, (payload) => {
      if (budget.spend(() => takePayload(inbox, subject, payload))) return;
      inbox.alarm('flooded', 'nats', `more than is looked at on ${subject.name}`);
    });
  });
  return () => {
    for (const stop of leave) stop();
  };
}

function takePayload(
  inbox: Pick<Inbox, 'take' | 'alarm'>,
  { name, lanes: about, kinds, bytesMax }: Subject,
  payload: Uint8Array,
): void {
  const unexpected = (detail: string) => inbox.alarm('unexpected', 'nats', `${detail} on ${name}`);
  if (payload.length > bytesMax) return unexpected(`a message of ${payload.length} bytes`);
  const response = decode(payload);
  if (response === null) return unexpected('a message that cannot be read');
  const kind = response.message.case;
  // One of a newer protocol.
  if (kind === undefined) return;
  if (kinds.includes(kind)) inbox.take(response, 'nats', about);
  else unexpected(`a message ${kind}`);
}

function decode(payload: Uint8Array): SyncResponse | null {
  try {
    return fromBinary(SyncResponseSchema, payload);
  } catch {
    return null;
  }
}
