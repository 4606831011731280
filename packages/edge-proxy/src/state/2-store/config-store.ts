import { applyConfigOps, configRowKey, opsFromBytes, UnreadableOpsError } from '@sallyport/proto';
import type { Log } from '@sallyport/shared/log';
import type { ConfigOp, Position, SecretRef } from '@sallyport/shared/state/model';
import { MalformedShardError } from '@sallyport/shared/state/tables/errors';
import { KeyedRows } from '@sallyport/shared/state/tables/keyed-rows';
import type { Problem } from '@sallyport/shared/sync/edge-lane-model';
import type { FrameMessage, FrameProof, ShardDigest } from '@sallyport/shared/sync/messages';
import { bodySha256 } from '@sallyport/shared/sync/signing';
import type { Distributor } from '../../worker/distributor.ts';
import {
  type AdmittedConfig,
  admitConfigFrame,
  admitConfigState,
  type ConfigKnowledge,
  emptyConfigKnowledge,
} from './admit-config.ts';
import { admitRows } from './admit-rows.ts';
import { isOpOf } from './lane-ops.ts';
import type { Arrival, LaneStore, Swap, Taken } from './lane-store.ts';
import { joinShard } from './staged-bytes.ts';

export interface ConfigDisk {
  configChanged(position: Position, proof: FrameProof | null): void;
}

export interface ConfigStoreOptions {
  readonly rows: KeyedRows;
  readonly distributor: Pick<Distributor, 'config'>;
  readonly disk: ConfigDisk;
  readonly rootPublicKey: Uint8Array;
  /** The secrets that the state refers to have changed. */
  readonly onSecrets: (secrets: ReadonlyMap<string, SecretRef>) => void;
  readonly log: Log;
}

/**
 * The lane `config`: rows by key, so that digests and disk have what the control plane has, and
 * beside them what of it is fit to be used, which is what the workers get.
 */
export class ConfigStore implements LaneStore {
  readonly lane = 'config';
  readonly #options: ConfigStoreOptions;
  #known: ConfigKnowledge = emptyConfigKnowledge();
  #staged: { readonly bytes: Uint8Array; readonly ops: readonly ConfigOp[] } | null = null;

  constructor(options: ConfigStoreOptions) {
    this.#options = options;
  }

  digest(): Uint8Array {
    return this.#options.rows.digest();
  }

  shardDigests(): readonly Uint8Array[] {
    return [this.#options.rows.shardDigest()];
  }

  async apply(frame: FrameMessage, arrival: Arrival): Promise<Taken> {
    const admission = admitRows('config', frame.body);
    if (!admission.ok) return { kind: 'refused', problem: admission.refusal };
    const { rows, disk, rootPublicKey } = this.#options;
    const ops = admission.ops.filter((op) => isOpOf('config', op));
    const admitted = admitConfigFrame(this.#known, ops, rootPublicKey);
    // Refused rows are rows all the same: without them the digests would never agree again.
    applyConfigOps(rows, ops);
    const position = { epoch: frame.epoch, rev: frame.rev };
    disk.configChanged(position, proofOf(frame));
    return this.#took(admitted, { ...arrival, position }, false);
  }

  stage(index: number, parts: readonly Uint8Array[], expected: ShardDigest): Problem | null {
    const joined = joinShard(index, parts, expected);
    if (!joined.ok) return joined.problem;
    // The digest before the ops: rows of a newer version can be told from wrong ones.
    const rows = new KeyedRows();
    try {
      rows.load(joined.bytes);
      if (Buffer.compare(rows.shardDigest(), expected.digest) !== 0) {
        return { code: 'DIGEST', detail: 'the rows have another digest' };
      }
      this.#staged = { bytes: joined.bytes, ops: readRows(rows) };
      return null;
    } catch (error) {
      if (!(error instanceof MalformedShardError || error instanceof UnreadableOpsError))
        throw error;
      return { code: 'SCHEMA', detail: error.message };
    }
  }

  dropStaged(): void {
    this.#staged = null;
  }

  /** Where nothing was staged, the rows are those of the manifest and only the position moves. */
  async swap(swap: Swap): Promise<Taken> {
    const { rows, disk } = this.#options;
    const staged = this.#staged;
    this.#staged = null;
    if (staged !== null) rows.load(staged.bytes);
    disk.configChanged(swap.position, null);
    return this.#restore(staged?.ops ?? readRows(rows), swap);
  }

  /** Gives the workers what stands in the rows, after they were loaded from the disk. */
  restore(position: Position, arrival: Arrival): Promise<Taken> {
    return this.#restore(readRows(this.#options.rows), { ...arrival, position });
  }

  #restore(ops: readonly ConfigOp[], where: Arrival & { position: Position }): Promise<Taken> {
    return this.#took(admitConfigState(ops, this.#options.rootPublicKey), where, true);
  }

  async #took(
    { known, ops, refusals }: AdmittedConfig,
    where: Arrival & { readonly position: Position },
    whole: boolean,
  ): Promise<Taken> {
    const { distributor, onSecrets, log } = this.#options;
    this.#known = known;
    onSecrets(known.secrets);
    if (refusals.length > 0) log.error('state.rows_refused', { lane: 'config', refusals });
    const delivery = { ...where, lane: 'config', silent: refusals.length > 0 } as const;
    await distributor.config(delivery, ops, whole);
    return { kind: 'taken', refusals };
  }
}

/** The op of every row. Throws UnreadableOpsError for one that is not what its key says. */
function readRows(rows: KeyedRows): ConfigOp[] {
  return [...rows.entries()].map(([key, bytes]) => {
    const [op, ...others] = opsFromBytes(bytes);
    if (
      op === undefined ||
      others.length > 0 ||
      !isOpOf('config', op) ||
      configRowKey(op) !== key
    ) {
      throw new UnreadableOpsError(`the row ${key} of the lane config is not one of its ops`);
    }
    return op;
  });
}

function proofOf({ body, ...frame }: FrameMessage): FrameProof {
  const { epoch, prevRev, rev, keyId, signature } = frame;
  return { epoch, prevRev, rev, keyId, signature, bodySha256: bodySha256(body) };
}
