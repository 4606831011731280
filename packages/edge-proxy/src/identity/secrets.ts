import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { FetchSecretsRequestSchema } from '@sallyport/proto';
import { cookieRingSecret } from '@sallyport/shared/keys/cookie-ring';
import type { Log } from '@sallyport/shared/log';
import { open, type SealKey, seal } from '@sallyport/shared/seal';
import type { SecretRef } from '@sallyport/shared/state/model';
import { pause, reconnectDelayMs } from '../state/1-sync/reconnect.ts';
import { writeFileAtomically } from './atomic-file.ts';
import type { ControlChannel } from './control-channel.ts';

/** Only what an edge has a use for is fetched, whatever the state refers to. */
const wantedSecrets: readonly string[] = [cookieRingSecret];

const fetchDeadlineMs = 5_000;
/** A value that was replaced is used on for so long at the most while the next cannot be had. */
const overlapMsDefault = 300_000;
const sealContext = 'sallyport.edge.secrets.v1';

export interface SecretKeeperOptions {
  readonly home: string;
  /** Of this machine (local-key.ts). */
  readonly key: SealKey;
  readonly channel: Pick<ControlChannel, 'unary'>;
  /** The values in use by id, all of them; throws for one that cannot be used. */
  readonly onValues: (values: ReadonlyMap<string, Uint8Array>) => void;
  /** Default: 5 minutes. */
  readonly overlapMs?: number;
  readonly log: Log;
  readonly signal: AbortSignal;
}

interface GivenValue {
  readonly value: Uint8Array;
  /** Of the monotonic clock; null: it is the one that the state refers to. */
  readonly untilMs: number | null;
}

/**
 * Keeps the values of the secrets that the state refers to: fetched when a reference changes,
 * checked against its hash, stored in one file that is encrypted under a key of this machine. What
 * the state refers to no longer is given out no longer: at once where the reference is gone, after
 * a bounded overlap where the next value cannot be fetched.
 */
export class SecretKeeper {
  /** Whether every value that the state refers to is in use; told at each change of references. */
  onComplete: (complete: boolean) => void = () => undefined;
  readonly #options: SecretKeeperOptions;
  readonly #key: SealKey;
  #values: ReadonlyMap<string, Uint8Array>;
  #references: ReadonlyMap<string, SecretRef> = new Map();
  #given: ReadonlyMap<string, GivenValue> = new Map();
  /** With the right hash, and refused by whoever uses them. */
  readonly #unusable = new WeakSet<Uint8Array>();
  #working = false;

  private constructor(
    options: SecretKeeperOptions,
    key: SealKey,
    values: ReadonlyMap<string, Uint8Array>,
  ) {
    this.#options = options;
    this.#key = key;
    this.#values = values;
  }

  /** Opens the file; one that cannot be read counts as empty, since all can be fetched again. */
  static async open(options: SecretKeeperOptions): Promise<SecretKeeper> {
    const { key } = options;
    let values: ReadonlyMap<string, Uint8Array> = new Map();
    try {
      const sealed = await readFile(secretsPath(options.home));
      values = decodeValues(open(key, sealed, sealContext));
    } catch (error) {
      if (!isMissing(error)) options.log.warn('secrets.file_unreadable', { error });
    }
    return new SecretKeeper(options, key, values);
  }

  /** Takes the references of the state as they now are. */
  want(references: ReadonlyMap<string, SecretRef>): void {
    this.#references = references;
    this.#publish();
    if (this.#working || this.#stale().length === 0) return;
    this.#working = true;
    void this.#work();
  }

  #stale(): SecretRef[] {
    return wantedSecrets.flatMap((id) => {
      const reference = this.#references.get(id);
      return reference === undefined || this.#valueOf(reference) !== null ? [] : [reference];
    });
  }

  /** null: we do not have it, or it cannot be used. */
  #valueOf({ id, sha256 }: SecretRef): Uint8Array | null {
    const value = this.#values.get(id);
    if (value === undefined || this.#unusable.has(value)) return null;
    return hasHash(value, sha256) ? value : null;
  }

  /** Until all is here; what ends meanwhile is taken back in time. */
  async #work(): Promise<void> {
    const { log, signal } = this.#options;
    for (let attempt = 0; this.#stale().length > 0 && !signal.aborted; attempt += 1) {
      const references: ReadonlyMap<string, SecretRef> = this.#references;
      try {
        await this.#fetch(this.#stale());
      } catch (error) {
        log.error('secrets.fetch_failed', { error, attempt });
      }
      this.#publish();
      if (this.#stale().length === 0 || references !== this.#references) continue;
      await this.#pause(reconnectDelayMs(attempt));
    }
    this.#working = false;
  }

  async #pause(ms: number): Promise<void> {
    const ends = [...this.#given.values()].flatMap(({ untilMs }) => untilMs ?? []);
    const leftMs = Math.max(0, Math.min(...ends) - performance.now());
    if (leftMs >= ms) return pause(ms, this.#options.signal);
    await pause(leftMs, this.#options.signal);
    this.#publish();
    await pause(ms - leftMs, this.#options.signal);
  }

  async #fetch(references: readonly SecretRef[]): Promise<void> {
    const ids = references.map(({ id }) => id);
    const request = create(FetchSecretsRequestSchema, { ids });
    const { secrets } = await this.#options.channel.unary('fetchSecrets', request, fetchDeadlineMs);
    const values = new Map(this.#values);
    for (const { id, sha256 } of references) {
      const secret = secrets.find((one) => one.id === id);
      if (secret === undefined)
        throw new Error(`the control plane did not send the value of ${id}`);
      // The reference may have moved on meanwhile: then this is not the value we are to use.
      if (!hasHash(secret.value, sha256)) throw new Error(`the value of ${id} has another hash`);
      values.set(id, secret.value);
    }
    this.#values = values;
    await this.#store();
  }

  /** A disk that fails must not keep a value from being used: it can be fetched again. */
  async #store(): Promise<void> {
    const { home, log } = this.#options;
    try {
      const sealed = seal(this.#key, encodeValues(this.#values), sealContext);
      await writeFileAtomically(secretsPath(home), sealed);
    } catch (error) {
      log.warn('secrets.not_stored', { error });
    }
  }

  /** Gives out the values that the state refers to, and for a while those before them. */
  #publish(): void {
    const { log, onValues } = this.#options;
    const before = this.#given;
    let next = this.#nextValues();
    try {
      if (!sameValues(before, next)) onValues(valuesOf(next));
    } catch (error) {
      log.error('secrets.value_unusable', { error });
      for (const { value, untilMs } of next.values()) {
        if (untilMs === null) this.#unusable.add(value);
      }
      next = this.#nextValues();
      onValues(valuesOf(next));
    }
    this.#given = next;
    const withdrawn = [...before.keys()].filter((id) => !next.has(id));
    if (withdrawn.length > 0) log.warn('secrets.withdrawn', { ids: withdrawn });
    this.onComplete(this.#stale().length === 0);
  }

  #nextValues(): ReadonlyMap<string, GivenValue> {
    const nowMs = performance.now();
    const { overlapMs = overlapMsDefault } = this.#options;
    const next = new Map<string, GivenValue>();
    for (const id of wantedSecrets) {
      const reference = this.#references.get(id);
      if (reference === undefined) continue;
      const value = this.#valueOf(reference);
      if (value !== null) {
        next.set(id, { value, untilMs: null });
        continue;
      }
      const given = this.#given.get(id);
      const untilMs = given?.untilMs ?? nowMs + overlapMs;
      if (given !== undefined && nowMs < untilMs) next.set(id, { value: given.value, untilMs });
    }
    return next;
  }
}

function valuesOf(given: ReadonlyMap<string, GivenValue>): ReadonlyMap<string, Uint8Array> {
  return new Map([...given].map(([id, { value }]) => [id, value]));
}

function sameValues(
  one: ReadonlyMap<string, GivenValue>,
  other: ReadonlyMap<string, GivenValue>,
): boolean {
  return (
    one.size === other.size && [...one].every(([id, { value }]) => other.get(id)?.value === value)
  );
}

function secretsPath(home: string): string {
  return join(home, 'secrets.sealed');
}

function hasHash(value: Uint8Array, sha256: Uint8Array): boolean {
  return createHash('sha256').update(value).digest().equals(sha256);
}

function encodeValues(values: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const entries = [...values].map(([id, value]) => [id, Buffer.from(value).toString('base64url')]);
  return Buffer.from(JSON.stringify(Object.fromEntries(entries)), 'utf8');
}

function decodeValues(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const parsed = JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown;
  if (typeof parsed !== 'object' || parsed === null) throw new TypeError('not a map of secrets');
  return new Map(
    Object.entries(parsed).map(([id, text]) => {
      if (typeof text !== 'string') throw new TypeError(`the secret ${id} is not text`);
      return [id, Buffer.from(text, 'base64url')];
    }),
  );
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
