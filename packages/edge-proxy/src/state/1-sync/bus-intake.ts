import { fromBinary } from '@bufbuild/protobuf';
import { type SyncResponse, SyncResponseSchema } from '@sallyport/proto';
import { type Bus, busSubjects } from '@sallyport/shared/bus/bus';
import type { Lane } from '@sallyport/shared/state/model';
import { TokenBucket } from '@sallyport/shared/token-bucket';
import { lanes } from '../lanes.ts';
import { monotonicMs } from '../monotonic.ts';
import type { Inbox } from './inbox.ts';

interface Subject {
  readonly name: string;
  /** What it may bring: nothing of other lanes, and no keys, goes by the bus. */
  readonly lanes: readonly Lane[];
  readonly kinds: readonly SyncResponse['message']['case'][];
  /** Larger payloads are not read. */
  readonly bytesMax: number;
  /** What is looked at in a second; its own, so that a flood takes nothing from other subjects. */
  readonly messages: number;
  /** What that may cost in a second, milliseconds. */
  readonly workMs: number;
}

/** Beside the body: header, signature, key id. */
const frameBytes = 4_096;
/** Heartbeats that are looked at for their time alone: no larger ones, and so many in a second. */
const looks = { bytesMax: 1_024, messages: 1_000, workMs: 50 };

const subjects: readonly Subject[] = [
  {
    name: busSubjects.revoke,
    lanes: ['revoke'],
    kinds: ['frame', 'provisional'],
    bytesMax: 1_048_576 + frameBytes,
    messages: 2_000,
    workMs: 200,
  },
  {
    name: busSubjects.config,
    lanes: ['config'],
    kinds: ['frame'],
    bytesMax: 4_194_304,
    messages: 200,
    workMs: 50,
  },
  {
    name: busSubjects.heartbeat,
    lanes,
    kinds: ['heartbeat'],
    bytesMax: 16_384,
    messages: 200,
    workMs: 50,
  },
];

/**
 * Takes what the bus brings, from now until the function that it returns is called. `nowMs`: of the
 * monotonic clock.
 */
export function listenToBus(
  bus: Bus,
  inbox: Pick<Inbox, 'take' | 'alarm' | 'isStale'>,
  nowMs: () => number = monotonicMs,
): () => void {
  const leave = subjects.map((subject) => {
    const look = staleLook(inbox, subject, nowMs);
    const spend = budgetOf(subject, nowMs);
    return bus.subscribe(subject.name, (payload) => {
      const seen = look(payload);
      if (seen === 'stale' || spend(() => takePayload(inbox, subject, payload, seen))) return;
      inbox.alarm('flooded', 'nats', `more than is looked at on ${subject.name}`);
    });
  });
  return () => {
    for (const stop of leave) stop();
  };
}

/**
 * Looks whether a payload is a heartbeat that is not worth a verification. A process that stood still
 * finds many of them: they cost nobody's budget, and have one of their own. Else gives what was read
 * of it; null: it was not looked at, or cannot be read.
 */
function staleLook(
  inbox: Pick<Inbox, 'isStale'>,
  { kinds }: Subject,
  nowMs: () => number,
): (payload: Uint8Array) => SyncResponse | 'stale' | null {
  if (!kinds.includes('heartbeat')) return () => null;
  const spend = budgetOf(looks, nowMs);
  return (payload) => {
    let seen: SyncResponse | 'stale' | null = null;
    // A large one is not read for this: nothing of it is needed but two fields.
    if (payload.length > looks.bytesMax) return seen;
    spend(() => {
      seen = decode(payload);
      if (seen !== null && inbox.isStale(seen)) seen = 'stale';
    });
    return seen;
  };
}

/** Does the work and takes from the budget what it took; false: not now, nothing is left. */
function budgetOf(
  limits: Pick<Subject, 'messages' | 'workMs'>,
  nowMs: () => number,
): (work: () => void) => boolean {
  const ofOneSecond = (perSecond: number) =>
    new TokenBucket({ perSecond, burst: perSecond }, nowMs);
  const messages = ofOneSecond(limits.messages);
  const time = ofOneSecond(limits.workMs);
  return (work) => {
    if (!time.hasAny() || !messages.take(1)) return false;
    const beganAtMs = nowMs();
    try {
      work();
    } finally {
      time.charge(nowMs() - beganAtMs);
    }
    return true;
  };
}

function takePayload(
  inbox: Pick<Inbox, 'take' | 'alarm'>,
  { name, lanes: about, kinds, bytesMax }: Subject,
  payload: Uint8Array,
  seen: SyncResponse | null,
): void {
  const unexpected = (detail: string) => inbox.alarm('unexpected', 'nats', `${detail} on ${name}`);
  if (payload.length > bytesMax) return unexpected(`a message of ${payload.length} bytes`);
  const response = seen ?? decode(payload);
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
