import type { Lane, Position, RevokeOp } from '@sallyport/shared/state/model';
import { createEdgeLane, type EdgeLaneStart, stepEdgeLane } from '@sallyport/shared/sync/edge-lane';
import type {
  AlarmName,
  EdgeLane,
  EdgeLaneEffect,
  EdgeLaneEvent,
  StreamPath,
} from '@sallyport/shared/sync/edge-lane-model';
import { proofOf } from '@sallyport/shared/sync/edge-turn';
import type {
  FetchMessage,
  FrameMessage,
  LanePosition,
  NackMessage,
  PathName,
} from '@sallyport/shared/sync/messages';
import { admitRows } from '../2-store/admit-rows.ts';
import type { CarriedRows } from '../2-store/carried-rows.ts';
import type { LaneStore, Taken } from '../2-store/lane-store.ts';
import { monotonicMs } from '../monotonic.ts';

type WithoutNow<Event> = Event extends unknown ? Omit<Event, 'nowMs'> : never;
/** What may happen to a lane; the driver says when. */
export type LaneEvent = WithoutNow<EdgeLaneEvent>;

export type EndReason = AlarmName | 'redirect' | 'behind';

/** What a lane wants done outside of its own rows. */
export interface LaneOutlet {
  hello(path: StreamPath, have: LanePosition): void;
  fetch(path: StreamPath, fetch: FetchMessage): void;
  /** `path` null: on any stream that carries the lane. */
  nack(path: StreamPath | null, nack: NackMessage): void;
  endPath(path: StreamPath, lane: Lane, reason: EndReason, next: boolean): void;
  repeatAcks(path: StreamPath, lane: Lane): void;
  /** Says again, after those, what of the lane's rows is refused. */
  repeatRefusal(path: StreamPath, lane: Lane): void;
  /** Of the monotonic clock. */
  asOf(lane: Lane, asOfMs: number): void;
  alarm(lane: Lane, name: AlarmName, path: PathName | null, detail: string): void;
  /** The rows are those of this position now. */
  moved(lane: Lane, position: Position, path: PathName): void;
}

export interface LaneDriverOptions {
  readonly start: Omit<EdgeLaneStart, 'nowMs'>;
  readonly store: LaneStore;
  /** Of the lane `revoke` alone. */
  readonly carried: CarriedRows | null;
  readonly outlet: LaneOutlet;
}

/** Drives the machine of one lane: feeds it what happens and does what it says, in its order. */
export class LaneDriver {
  readonly lane: Lane;
  readonly #options: LaneDriverOptions;
  readonly #events: EdgeLaneEvent[] = [];
  /** When a frame came that may have to wait for its turn. */
  readonly #arrivals = new WeakMap<FrameMessage, number>();
  #state: EdgeLane;
  #running = false;
  #working: Promise<void> | null = null;

  constructor(options: LaneDriverOptions) {
    this.#options = options;
    this.lane = options.start.lane;
    const { state, effects } = createEdgeLane({ ...options.start, nowMs: monotonicMs() });
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  get state(): EdgeLane {
    return this.#state;
  }

  /** Digests of the lane's shards as they are now. */
  get have(): readonly Uint8Array[] {
    return this.#options.store.shardDigests();
  }

  digest(): Uint8Array {
    return this.#options.store.digest();
  }

  /** Resolves when nothing that takes time is under way. */
  async settled(): Promise<void> {
    while (this.#working !== null) await this.#working;
  }

  dispatch(event: LaneEvent): void {
    const nowMs = monotonicMs();
    if (event.type === 'frame') this.#arrivals.set(event.frame, nowMs);
    this.#events.push({ ...event, nowMs } as EdgeLaneEvent);
    if (this.#running) return;
    this.#running = true;
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      const { state, effects } = stepEdgeLane(this.#state, next);
      this.#state = state;
      for (const effect of effects) this.#perform(effect);
    }
    this.#running = false;
  }

  #perform(effect: EdgeLaneEffect): void {
    const { outlet, store, carried } = this.#options;
    switch (effect.type) {
      case 'apply':
        return this.#apply(effect);
      case 'stage': {
        const { index, parts, expected } = effect;
        const problem = store.stage(index, parts, expected);
        return this.dispatch({ type: 'staged', index, problem });
      }
      case 'drop_staged':
        return store.dropStaged();
      case 'swap':
        return this.#swap(effect);
      case 'enforce_early': {
        const { frame, sha256 } = effect;
        return carried?.enforceEarly(proofOf(frame, sha256), frame.body);
      }
      case 'drop_early':
        return carried?.dropEarly(effect.upTo, effect.carry);
      case 'enforce_provisional':
        return carried?.enforceProvisional(
          effect.provisional.id,
          revokeOps(effect.provisional.body),
        );
      case 'drop_provisional':
        return carried?.dropProvisional(effect.id);
      case 'hello':
        return outlet.hello(effect.path, effect.have);
      case 'fetch': {
        const { path, position, shards } = effect;
        return outlet.fetch(path, { lane: this.lane, position, shards });
      }
      case 'nack':
        return outlet.nack(effect.path, effect.nack);
      case 'end_path':
        return outlet.endPath(effect.path, this.lane, effect.reason, effect.next);
      case 'repeat_acks':
        outlet.repeatAcks(effect.path, this.lane);
        return outlet.repeatRefusal(effect.path, this.lane);
      case 'as_of':
        return outlet.asOf(this.lane, effect.asOfMs);
      case 'alarm':
        return outlet.alarm(this.lane, effect.name, effect.path, effect.detail);
    }
  }

  #apply({ frame, sha256, path }: Extract<EdgeLaneEffect, { type: 'apply' }>): void {
    const { store, outlet } = this.#options;
    const position = { epoch: frame.epoch, rev: frame.rev };
    const arrivedAtMs = this.#arrivals.get(frame) ?? monotonicMs();
    this.#follow(store.apply(frame, { path, arrivedAtMs }), (taken) => {
      if (taken.kind === 'refused') {
        return this.dispatch({ type: 'apply_refused', problem: taken.problem });
      }
      outlet.moved(this.lane, position, path);
      this.dispatch({ type: 'applied', digest: store.digest() });
      this.#refuseRows(taken, path, position, sha256);
    });
  }

  #swap({ position, path, carry }: Extract<EdgeLaneEffect, { type: 'swap' }>): void {
    const { store, outlet } = this.#options;
    const by = path ?? 'grpc';
    const swap = { position, carry, path: by, arrivedAtMs: monotonicMs() };
    this.#follow(store.swap(swap), (taken) => {
      outlet.moved(this.lane, position, by);
      if (taken.kind === 'taken' && taken.uncarried !== undefined && taken.uncarried > 0) {
        outlet.alarm(this.lane, 'overflow', path, `no room to carry ${taken.uncarried} denials`);
      }
      this.dispatch({ type: 'swapped', digest: store.digest() });
      // The workers may have been quicker than this, and nobody followed the lane then.
      if (path !== null) queueMicrotask(() => outlet.repeatAcks(path, this.lane));
      this.#refuseRows(taken, by, position, new Uint8Array());
    });
  }

  /** The position is ours, and some rows of it are not live: each is named to the control plane. */
  #refuseRows(taken: Taken, path: PathName, position: Position, refusedSha256: Uint8Array): void {
    if (taken.kind === 'refused') return;
    const stream = path === 'grpc' || path === 'standby' ? path : null;
    for (const problem of taken.refusals) {
      const nack = { lane: this.lane, position, refusedSha256, ...problem };
      this.#options.outlet.nack(stream, nack);
    }
  }

  #follow(outcome: Taken | Promise<Taken>, then: (taken: Taken) => void): void {
    if (!(outcome instanceof Promise)) return then(outcome);
    const working = outcome.then((taken) => {
      this.#working = null;
      then(taken);
    });
    this.#working = working;
  }
}

/** What cannot be read holds no denial; the frame is refused when its turn comes. */
function revokeOps(body: Uint8Array): readonly RevokeOp[] {
  const rows = admitRows('revoke', body);
  return rows.ok ? (rows.ops as readonly RevokeOp[]) : [];
}
