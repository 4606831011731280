import { applyConfigOps, configRowKey, opsFromBytes, UnreadableOpsError } from '@sallyport/proto';
import type { Log } from '@sallyport/shared/log';
import type { ConfigOp, Position, SecretRef, SigningKey } from '@sallyport/shared/state/model';
import { MalformedShardError } from '@sallyport/shared/state/tables/errors';
import { KeyedRows } from '@sallyport/shared/state/tables/keyed-rows';
import type { Problem } from '@sallyport/shared/sync/edge-lane-model';
import type { FrameMessage, FrameProof, ShardDigest } from '@sallyport/shared/sync/messages';
import { bodySha256 } from '@sallyport/shared/sync/signing';
import type { Delivery, Distributor } from '../../worker/distributor.ts';
import {
  type AdmittedConfig,
  admitConfigFrame,
  admitConfigState,
  type ConfigKnowledge,
  emptyConfigKnowledge,
  type KeyTrust,
} from './admit-config.ts';
import { admitRows } from './admit-rows.ts';
import { keysGone, keysMissing } from './key-rows.ts';
import { isOpOf } from './lane-ops.ts';
import type { Arrival, LaneStore, Swap, Taken } from './lane-store.ts';
import { RefusedRows } from './refused-rows.ts';
import { joinShard } from './staged-bytes.ts';

export interface ConfigDisk {
  configChanged(position: Position, proof: FrameProof | null): void;
}

/** What becomes of keys that the lane takes out of use. */
export interface KeyWithdrawals {
  isWithdrawn(keyId: string): boolean;
  /** Called before the rows change. */
  withdraw(keys: readonly SigningKey[]): void;
}

export interface ConfigStoreOptions {
  readonly rows: KeyedRows;
  readonly keys: KeyWithdrawals;
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
  readonly #refused = new RefusedRows();
  #known: ConfigKnowledge = emptyConfigKnowledge();
  #secretsHere = true;
  /** What the workers were told last. */
  #told: Delivery | null = null;
  /** Messages to the workers go one after the other. */
  #telling: Promise<void> = Promise.resolve();
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
    const { rows, disk } = this.#options;
    const ops = admission.ops.filter((op) => isOpOf('config', op));
    this.#options.keys.withdraw(keysGone(rows, ops));
    const admitted = await this.#admit(ops);
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
    if (staged !== null) {
      // The ops in between were not seen: a key that is gone was taken out.
      this.#options.keys.withdraw(keysMissing(rows, staged.ops));
      rows.load(staged.bytes);
    }
    disk.configChanged(swap.position, null);
    return this.#restore(staged?.ops ?? readRows(rows), swap);
  }

  /** Gives the workers what stands in the rows, after they were loaded from the disk. */
  restore(position: Position, arrival: Arrival): Promise<Taken> {
    return this.#restore(readRows(this.#options.rows), { ...arrival, position });
  }

  /**
   * Whether the values of all secrets that the state refers to are in use. While one is not, nothing
   * is acknowledged; what has waited for it is, as soon as it is.
   */
  secretsHere(here: boolean): void {
    const before = this.#secretsHere;
    this.#secretsHere = here;
    if (before || !here) return;
    void this.#inTurn(async () => {
      // After the values, on the same way to the workers: what they enforce then is with them.
      if (this.#told?.silent === true && !this.#holds()) await this.#tell(this.#told, [], false);
    });
  }

  async #admit(ops: readonly ConfigOp[]): Promise<AdmittedConfig> {
    const admitted = await admitConfigFrame(this.#known, ops, this.#trust());
    this.#refused.judged(ops, admitted.refused, false);
    const late = this.#refused.releasesToTake(admitted.known);
    if (late.length === 0) return admitted;
    const taken = await admitConfigFrame(admitted.known, late, this.#trust());
    this.#refused.judged(late, taken.refused, false);
    return { ...admitted, known: taken.known, ops: [...admitted.ops, ...taken.ops] };
  }

  #trust(): KeyTrust {
    const { rootPublicKey, keys } = this.#options;
    return { rootPublicKey, isWithdrawn: (keyId) => keys.isWithdrawn(keyId) };
  }

  async #restore(
    ops: readonly ConfigOp[],
    where: Arrival & { position: Position },
  ): Promise<Taken> {
    const admitted = await admitConfigState(ops, this.#trust());
    this.#refused.judged(ops, admitted.refused, true);
    return this.#took(admitted, where, true);
  }

  async #took(
    { known, ops, refusals }: AdmittedConfig,
    where: Arrival & { readonly position: Position },
    whole: boolean,
  ): Promise<Taken> {
    const { onSecrets, log } = this.#options;
    this.#known = known;
    onSecrets(known.secrets);
    if (refusals.length > 0) log.error('state.rows_refused', { lane: 'config', refusals });
    await this.#inTurn(() => this.#tell({ ...where, lane: 'config' }, ops, whole));
    return { kind: 'taken', refusals };
  }

  #holds(): boolean {
    return !this.#secretsHere || this.#refused.hold(this.#known);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#telling = this.#telling.then(work);
    return this.#telling;
  }

  async #tell(
    delivery: Omit<Delivery, 'silent'>,
    ops: readonly ConfigOp[],
    whole: boolean,
  ): Promise<void> {
    this.#told = { ...delivery, silent: this.#holds() };
    await this.#options.distributor.config(this.#told, ops, whole);
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
