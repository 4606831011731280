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
const sealContext = 'sallyport.edge.secrets.v1';

export interface SecretKeeperOptions {
  readonly home: string;
  /** Of this machine (local-key.ts). */
  readonly key: SealKey;
  readonly channel: Pick<ControlChannel, 'unary'>;
  /** The values by id, whenever one has changed. */
  readonly onValues: (values: ReadonlyMap<string, Uint8Array>) => void;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Keeps the values of the secrets that the state refers to: fetched when a reference changes,
 * checked against its hash, stored in one file that is encrypted under a key of this machine.
 */
export class SecretKeeper {
  readonly #options: SecretKeeperOptions;
  readonly #key: SealKey;
  #values: ReadonlyMap<string, Uint8Array>;
  #references: ReadonlyMap<string, SecretRef> = new Map();
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
    if (this.#working) return;
    this.#working = true;
    void this.#work();
  }

  #stale(): SecretRef[] {
    return wantedSecrets.flatMap((id) => {
      const reference = this.#references.get(id);
      if (reference === undefined) return [];
      const value = this.#values.get(id);
      return value !== undefined && hasHash(value, reference.sha256) ? [] : [reference];
    });
  }

  async #work(): Promise<void> {
    const { log, signal } = this.#options;
    let published: ReadonlyMap<string, SecretRef> | null = null;
    for (let attempt = 0; published !== this.#references && !signal.aborted; ) {
      const references: ReadonlyMap<string, SecretRef> = this.#references;
      try {
        this.#publish();
        if (this.#stale().length > 0) {
          await this.#fetch(this.#stale());
          this.#publish();
        }
        published = references;
        attempt = 0;
      } catch (error) {
        log.error('secrets.fetch_failed', { error, attempt });
        await pause(reconnectDelayMs(attempt), signal);
        attempt += 1;
      }
    }
    this.#working = false;
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
    await writeFileAtomically(
      secretsPath(this.#options.home),
      seal(this.#key, encodeValues(values), sealContext),
    );
    this.#values = values;
  }

  /** Gives out the values that the state refers to, and no others. */
  #publish(): void {
    const current = [...this.#values].filter(([id, value]) => {
      const reference = this.#references.get(id);
      return reference !== undefined && hasHash(value, reference.sha256);
    });
    if (current.length > 0) this.#options.onValues(new Map(current));
  }
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
