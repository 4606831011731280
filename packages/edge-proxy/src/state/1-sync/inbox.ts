import { createHash } from 'node:crypto';
import { MalformedMessageError, readSyncResponse, type SyncResponse } from '@sallyport/proto';
import type { Clock } from '@sallyport/shared/clock';
import type { Lane } from '@sallyport/shared/state/model';
import { delayByNats } from '@sallyport/shared/sync/edge-clocks';
import { frameNeedsVerifying } from '@sallyport/shared/sync/edge-lane';
import type { AlarmName, StreamPath } from '@sallyport/shared/sync/edge-lane-model';
import type {
  FrameMessage,
  HeartbeatMessage,
  KeysMessage,
  ManifestMessage,
  PathName,
  ProvisionalMessage,
} from '@sallyport/shared/sync/messages';
import type { Verdict, VerificationKeys } from '@sallyport/shared/sync/verification-keys';
import { monotonicMs } from '../monotonic.ts';
import type { LaneDriver } from './lane-driver.ts';

export interface InboxOptions {
  readonly drivers: Readonly<Record<Lane, LaneDriver>>;
  readonly keys: VerificationKeys;
  /** Keys that were not known before, and that the root vouches for. */
  readonly onKeys: () => void;
  readonly onAlarm: (name: InboxAlarm, path: PathName, detail: string) => void;
  readonly clock: Clock;
}

export type InboxAlarm = Extract<AlarmName, 'forged' | 'unexpected' | 'flooded'>;

/** More than any control plane has; each costs a verification. */
const keysMax = 64;
/** Heartbeats come each second: after so long there is a newer one. */
const staleMs = 2_000;

/**
 * Takes what comes in by any path: reads it, verifies it with the keys that the pinned root vouches
 * for, and hands it to the lanes it is about. What it says is believed nowhere before that.
 */
export class Inbox {
  readonly #options: InboxOptions;
  /** Whether a stream has brought keys since the process began. */
  #keysCame = false;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /**
   * `lanes`: those that this path brings; the rest is ignored. Never throws for what the message
   * holds; false: it cannot be read.
   */
  take(response: SyncResponse, path: PathName, lanes: readonly Lane[]): boolean {
    let message: ReturnType<typeof readSyncResponse>;
    try {
      message = readSyncResponse(response);
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      this.#options.onAlarm('unexpected', path, error.message);
      return false;
    }
    switch (message?.kind) {
      case 'keys':
        // Each costs a verification: not for whoever has a place on the bus.
        if (isStreamPath(path)) this.#takeKeys(message.value, path);
        return true;
      case 'heartbeat':
        this.#takeHeartbeat(message.value, path, lanes);
        return true;
      case 'provisional':
        if (lanes.includes('revoke')) this.#takeProvisional(message.value, path);
        return true;
      case 'resume':
      case 'manifest':
      case 'shard':
      case 'frame':
        break;
      case undefined:
        // A message of a newer protocol, or of a lane that this version does not know.
        return true;
    }
    const { lane } = message.value;
    if (!lanes.includes(lane)) return true;
    const driver = this.#options.drivers[lane];
    if (message.kind === 'frame') this.#takeFrame(driver, message.value, path);
    else if (isStreamPath(path)) this.#takeAnswer(driver, message, path);
    return true;
  }

  /**
   * Whether it is a heartbeat that, by its own word, was sent so long ago that newer ones follow it:
   * one that waited while this process stood still. Nothing is verified for that, and nothing lost
   * by leaving it out.
   */
  isStale({ message }: SyncResponse): boolean {
    if (message.case !== 'heartbeat') return false;
    const beat = { replica: message.value.replica, sentAtMs: Number(message.value.sentAtMs) };
    const nowMs = monotonicMs();
    const delays = Object.values(this.#options.drivers).flatMap(
      ({ state }) => delayByNats(state, beat, nowMs)?.delayMs ?? [],
    );
    return delays.length > 0 && Math.min(...delays) > staleMs;
  }

  /** Counts something that is no message which could be taken. */
  alarm(name: InboxAlarm, path: PathName, detail: string): void {
    this.#options.onAlarm(name, path, detail);
  }

  /** Resolves when the lanes can take the next message. */
  async settled(lanes: readonly Lane[]): Promise<void> {
    for (const lane of lanes) await this.#options.drivers[lane].settled();
  }

  #takeAnswer(
    driver: LaneDriver,
    message: Exclude<
      NonNullable<ReturnType<typeof readSyncResponse>>,
      { readonly kind: 'keys' | 'heartbeat' | 'provisional' | 'frame' }
    >,
    path: StreamPath,
  ): void {
    switch (message.kind) {
      case 'resume':
        return driver.dispatch({ type: 'resume', path, resume: message.value });
      case 'manifest':
        return this.#takeManifest(driver, message.value, path);
      case 'shard':
        return driver.dispatch({ type: 'part', path, part: message.value });
    }
  }

  #takeFrame(driver: LaneDriver, frame: FrameMessage, path: PathName): void {
    const sha256 = createHash('sha256').update(frame.body).digest();
    const { keys, clock } = this.#options;
    const verdict = frameNeedsVerifying(driver.state, frame, sha256)
      ? keys.verifyFrame(frame, sha256, clock())
      : 'ok';
    if (this.#isTooEarly(verdict, path)) return;
    driver.dispatch({ type: 'frame', path, frame, sha256, verdict });
  }

  #takeManifest(driver: LaneDriver, manifest: ManifestMessage, path: StreamPath): void {
    const verdict = this.#options.keys.verifyManifest(manifest, this.#options.clock());
    driver.dispatch({ type: 'manifest', path, manifest, verdict, have: driver.have });
  }

  #takeHeartbeat(heartbeat: HeartbeatMessage, path: PathName, lanes: readonly Lane[]): void {
    const verdict = this.#options.keys.verifyHeartbeat(heartbeat, this.#options.clock());
    if (this.#isTooEarly(verdict, path)) return;
    // One that nobody signed is one alarm, and speaks of no lane.
    for (const lane of verdict === 'ok' ? lanes : lanes.slice(0, 1)) {
      this.#options.drivers[lane].dispatch({ type: 'heartbeat', path, heartbeat, verdict });
    }
  }

  #takeProvisional(provisional: ProvisionalMessage, path: PathName): void {
    const sha256 = createHash('sha256').update(provisional.body).digest();
    const wallMs = this.#options.clock();
    const verdict = this.#options.keys.verifyProvisional(provisional, sha256, wallMs);
    if (this.#isTooEarly(verdict, path)) return;
    this.#options.drivers.revoke.dispatch({
      type: 'provisional',
      path,
      provisional,
      sha256,
      verdict,
      wallMs,
    });
  }

  /**
   * The bus is there before the first stream, which alone brings keys: that a key is not known until
   * then shows nothing.
   */
  #isTooEarly(verdict: Verdict, path: PathName): boolean {
    return verdict === 'unknown_key' && !this.#keysCame && !isStreamPath(path);
  }

  /** Each vouches for itself, by the root; one that does not is left out and counted. */
  #takeKeys(message: KeysMessage, path: PathName): void {
    this.#keysCame = true;
    const outcomes = message.keys.slice(0, keysMax).map((key) => this.#options.keys.add(key));
    const refused = outcomes.filter((outcome) => outcome === 'refused').length;
    if (refused > 0) {
      this.#options.onAlarm('forged', path, `${refused} keys that the root does not vouch for`);
    }
    if (outcomes.includes('added')) this.#options.onKeys();
  }
}

function isStreamPath(path: PathName): path is StreamPath {
  return path === 'grpc' || path === 'standby';
}
