import { applyConfigOps, configRowKey, opsFromBytes, UnreadableOpsError } from '@sallyport/proto';
import type { Log } from '@sallyport/shared/log';
import type {
  ConfigOp,
  Position,
  PutBundle,
  SecretRef,
  SigningKey,
} from '@sallyport/shared/state/model';
import { MalformedShardError } from '@sallyport/shared/state/tables/errors';
import { KeyedRows } from '@sallyport/shared/state/tables/keyed-rows';
import type { Problem } from '@sallyport/shared/sync/edge-lane-model';
import { proofOf } from '@sallyport/shared/sync/edge-turn';
import type { FrameMessage, FrameProof, ShardDigest } from '@sallyport/shared/sync/messages';
import { bodySha256 } from '@sallyport/shared/sync/signing';
import type { Delivery, Distributor } from '../../worker/distributor.ts';
import {
  type AdmittedConfig,
  admitConfigFrame,
  admitConfigState,
  type BundleCheck,
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
  /** Judges what comes. */
  readonly check: BundleCheck;
  /** Judges again what could not be checked; nothing that comes may have to wait for it. */
  readonly recheck: BundleCheck;
  /** Before the first time that what could not be checked is checked again. */
  readonly recheckMs?: number;
}

const recheckMs = 1_000;
const recheckMsMax = 60_000;

/**
 * The lane `config`: rows by key, so that digests and disk have what the control plane has, and
 * beside them what of it is fit to be used, which is what the workers get.
 */
export class ConfigStore implements LaneStore {
  readonly lane = 'config';
  readonly #options: ConfigStoreOptions;
  readonly #refused = new RefusedRows();
  /** Versions that could not be checked, and are checked again. */
  #unchecked: readonly PutBundle[] = [];
  #rechecks = 0;
  #recheck: NodeJS.Timeout | null = null;
  /** What changes what is known goes one after the other. */
  #judging: Promise<unknown> = Promise.resolve();
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

  apply(frame: FrameMessage, arrival: Arrival): Promise<Taken> {
    return this.#alone(() => this.#apply(frame, arrival));
  }

  async #apply(frame: FrameMessage, arrival: Arrival): Promise<Taken> {
    const admission = admitRows('config', frame.body);
    if (!admission.ok) return { kind: 'refused', problem: admission.refusal };
    const { rows, disk } = this.#options;
    const ops = admission.ops.filter((op) => isOpOf('config', op));
    this.#options.keys.withdraw(keysGone(rows, ops));
    const admitted = await this.#admit(ops, this.#options.check);
    // Refused rows are rows all the same: without them the digests would never agree again.
    applyConfigOps(rows, ops);
    const position = { epoch: frame.epoch, rev: frame.rev };
    disk.configChanged(position, proofOf(frame, bodySha256(frame.body)));
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
  swap(swap: Swap): Promise<Taken> {
    return this.#alone(() => this.#swap(swap));
  }

  async #swap(swap: Swap): Promise<Taken> {
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
    return this.#alone(() => this.#restore(readRows(this.#options.rows), { ...arrival, position }));
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

  /** Why a row at the position that the workers were told last is not live; null: all are. */
  refusal(): { readonly position: Position; readonly problem: Problem } | null {
    const problem = this.#refused.standing(this.#known);
    return problem === null || this.#told === null
      ? null
      : { position: this.#told.position, problem };
  }

  async #admit(ops: readonly ConfigOp[], check: BundleCheck): Promise<AdmittedConfig> {
    const admitted = await admitConfigFrame(this.#known, ops, this.#trust(), check);
    this.#refused.judged(ops, admitted, false);
    this.#checkLater([...this.#unchecked, ...admitted.unchecked]);
    const late = this.#refused.releasesToTake(admitted.known);
    if (late.length === 0) return admitted;
    const taken = await admitConfigFrame(admitted.known, late, this.#trust(), check);
    this.#refused.judged(late, taken, false);
    return { ...admitted, known: taken.known, ops: [...admitted.ops, ...taken.ops] };
  }

  /** Those of these that stand refused still are checked again, ever more seldom while it fails. */
  #checkLater(unchecked: readonly PutBundle[]): void {
    this.#unchecked = [...new Set(unchecked)].filter((op) => this.#refused.has(op));
    if (this.#unchecked.length === 0) this.#rechecks = 0;
    if (this.#unchecked.length === 0 || this.#recheck !== null) return;
    const pauseMs = (this.#options.recheckMs ?? recheckMs) * 2 ** this.#rechecks;
    const again = () => void this.#checkAgain();
    this.#recheck = setTimeout(again, Math.min(pauseMs, recheckMsMax)).unref();
  }

  /** In between, frames are applied: a check that hangs keeps nothing else from arriving. */
  async #checkAgain(): Promise<void> {
    this.#rechecks += 1;
    for (const op of this.#unchecked) {
      const verdicts = await this.#options.recheck([op]);
      if (verdicts.every(({ kind }) => kind === 'unchecked')) continue;
      await this.#alone(async () => {
        this.#unchecked = this.#unchecked.filter((one) => one !== op);
        if (!this.#refused.has(op) || this.#told === null) return;
        const admitted = await this.#admit([op], () => Promise.resolve(verdicts));
        await this.#took(admitted, this.#told, false);
      });
    }
    this.#recheck = null;
    this.#checkLater(this.#unchecked);
  }

  /** One after the other. */
  #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#judging.then(work);
    this.#judging = done.catch(() => undefined);
    return done;
  }

  #trust(): KeyTrust {
    const { rootPublicKey, keys } = this.#options;
    return { rootPublicKey, isWithdrawn: (keyId) => keys.isWithdrawn(keyId) };
  }

  async #restore(
    ops: readonly ConfigOp[],
    where: Arrival & { position: Position },
  ): Promise<Taken> {
    const admitted = await admitConfigState(this.#known, ops, this.#trust(), this.#options.check);
    this.#refused.judged(ops, admitted, true);
    this.#checkLater(admitted.unchecked);
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
    return !this.#secretsHere || this.#refused.standing(this.#known) !== null;
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
