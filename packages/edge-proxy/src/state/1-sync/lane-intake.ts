import type { Log } from '@sallyport/shared/log';
import type { Position, SecretRef, StateOp } from '@sallyport/shared/state/model';
import type { Delivery, Distributor } from '../../worker/distributor.ts';
import { isOpOf } from '../2-store/lane-ops.ts';
import type { StoredLane } from '../2-store/lane-store.ts';
import {
  type AdmittedConfig,
  admitConfigFrame,
  admitConfigState,
  type ConfigKnowledge,
  emptyConfigKnowledge,
} from './admit-config.ts';
import { admitRows, frameOpsMax, type Refusal } from './admit-rows.ts';

export interface Arrival {
  readonly lane: StoredLane;
  readonly position: Position;
  /** performance.now() */
  readonly arrivedAtMs: number;
}

/** What became of a frame or a whole state. */
export type Taken =
  | { readonly kind: 'taken' }
  /** Some rows were left out; the position is ours all the same. */
  | { readonly kind: 'partly'; readonly refusals: readonly Refusal[] }
  /** Nothing of it was taken. */
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export interface IntakeOptions {
  readonly distributor: Pick<Distributor, 'frame' | 'state'>;
  readonly rootPublicKey: Uint8Array;
  /** The secrets that the state refers to have changed. */
  readonly onSecrets: (secrets: ReadonlyMap<string, SecretRef>) => void;
  readonly log: Log;
}

/** Between the streams and the workers: admits what came and sends it on. */
export class LaneIntake {
  readonly #options: IntakeOptions;
  #config: ConfigKnowledge = emptyConfigKnowledge();

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** One frame, the next of its lane. */
  async frame(arrival: Arrival, body: Uint8Array): Promise<Taken> {
    const rows = admitRows(arrival.lane, body, frameOpsMax);
    if (!rows.ok) return { kind: 'refused', refusal: rows.refusal };
    if (arrival.lane !== 'config') {
      await this.#options.distributor.frame(delivery(arrival, false), rows.ops);
      return { kind: 'taken' };
    }
    const { rootPublicKey, distributor } = this.#options;
    const admitted = admitConfigFrame(this.#config, configOps(rows.ops), rootPublicKey);
    await distributor.frame(delivery(arrival, admitted.refusals.length > 0), admitted.ops);
    return this.#tookConfig(admitted);
  }

  /** A lane's whole state. */
  async state(arrival: Arrival, bodies: readonly Uint8Array[]): Promise<Taken> {
    if (arrival.lane === 'config') return this.#configState(arrival, bodies);
    try {
      const ops = decodeAll(arrival, bodies);
      await this.#options.distributor.state(delivery(arrival, false), ops);
      return { kind: 'taken' };
    } catch (error) {
      if (error instanceof RefusedBody) return { kind: 'refused', refusal: error.refusal };
      throw error;
    }
  }

  async #configState(arrival: Arrival, bodies: readonly Uint8Array[]): Promise<Taken> {
    let ops: readonly StateOp[];
    try {
      ops = [...decodeAll(arrival, bodies)].flat();
    } catch (error) {
      if (error instanceof RefusedBody) return { kind: 'refused', refusal: error.refusal };
      throw error;
    }
    const admitted = admitConfigState(configOps(ops), this.#options.rootPublicKey);
    const silent = admitted.refusals.length > 0;
    await this.#options.distributor.state(delivery(arrival, silent), [admitted.ops]);
    return this.#tookConfig(admitted);
  }

  #tookConfig({ known, refusals }: AdmittedConfig): Taken {
    this.#config = known;
    this.#options.onSecrets(known.secrets);
    if (refusals.length === 0) return { kind: 'taken' };
    this.#options.log.error('state.rows_refused', { lane: 'config', refusals });
    return { kind: 'partly', refusals };
  }
}

class RefusedBody extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.detail);
    this.refusal = refusal;
  }
}

/** Body by body, so that only one is decoded at a time. */
function* decodeAll(
  { lane }: Arrival,
  bodies: readonly Uint8Array[],
): Generator<readonly StateOp[]> {
  for (const body of bodies) {
    const rows = admitRows(lane, body, Number.MAX_SAFE_INTEGER);
    if (!rows.ok) throw new RefusedBody(rows.refusal);
    yield rows.ops;
  }
}

function configOps(ops: readonly StateOp[]) {
  return ops.filter((op) => isOpOf('config', op));
}

function delivery(arrival: Arrival, silent: boolean): Delivery {
  return { ...arrival, silent };
}
