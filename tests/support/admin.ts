import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AdminApi,
  AdminApiError,
  openAdminApi,
  type StackDescription,
} from '@sallyport/stack';
import type { Revocation } from './revoke.ts';

export interface Position {
  readonly epoch: number;
  readonly rev: number;
}

/** As GET /v1/edges shows an edge, as far as tests look. */
export interface EdgeRow {
  readonly id: string;
  readonly lanes: { readonly [lane: string]: LaneRow };
  /** Name of the replica that has its streams; null: none. */
  readonly replica: string | null;
  /** What it noticed since it started, by name. */
  readonly alarms: Readonly<Record<string, number>>;
}

interface LaneRow {
  readonly applied: Position | null;
  readonly enforced: Position | null;
  readonly nack: { readonly code: string; readonly detail: string } | null;
  readonly lagRevisions: number | null;
  readonly stalenessMs: number | null;
  readonly digestAgrees: boolean | null;
  readonly path: string | null;
}

export interface RevokeTarget {
  readonly kind: string;
  readonly id?: string;
  readonly email?: string;
}

export interface Revoked extends Revocation {
  readonly status: number;
  readonly position: Position;
  /** performance.now() of the first attempt and of the answer. */
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
  /** Name of the replica that answered. */
  readonly by: string;
  readonly attempts: number;
}

const betweenMs = 50;

/** The admin API of all replicas: what one does not answer is asked of the next, as the same. */
export class Admin {
  readonly #apis: readonly { readonly name: string; readonly api: AdminApi }[];

  private constructor(apis: readonly { readonly name: string; readonly api: AdminApi }[]) {
    this.#apis = apis;
  }

  static async open({ controlPlanes, tokens, ca }: StackDescription): Promise<Admin> {
    return new Admin(
      await Promise.all(
        controlPlanes.map(async ({ name, url }) => ({
          name,
          api: await openAdminApi({ url, token: tokens.owner, ca }),
        })),
      ),
    );
  }

  /** That of one replica, from 0. */
  at(index: number): AdminApi {
    const found = this.#apis[index];
    if (found === undefined) throw new Error(`there is no replica ${index}`);
    return found.api;
  }

  /**
   * Revokes, as a client would that does not give up: with one idempotency key, from replica to
   * replica, until one answers. Rejects after `msMax`, or at once for what no retry changes.
   */
  async revoke(
    target: RevokeTarget,
    {
      effect,
      first = 0,
      msMax = 60_000,
      eachMsMax = 5_000,
      wait = true,
    }: {
      readonly effect?: 'end' | 'block';
      readonly first?: number;
      readonly msMax?: number;
      readonly eachMsMax?: number;
      /** For the receipts. */
      readonly wait?: boolean;
    } = {},
  ): Promise<Revoked> {
    const idempotencyKey = randomUUID();
    const body = { target, reason: 'A test of faults', ...(effect && { effect }) };
    const path = `/v1/revocations${wait ? '?wait=enforced' : ''}`;
    const askedAtMs = performance.now();
    let last: unknown = null;
    for (let attempts = 1; performance.now() - askedAtMs < msMax; attempts += 1) {
      const { name, api } = this.#nth(first + attempts - 1);
      try {
        const call = { idempotencyKey, msMax: eachMsMax };
        const answer = await api.post<Revocation & { position: Position }>(path, body, call);
        const answeredAtMs = performance.now();
        const { status } = answer;
        return { ...answer.body, status, askedAtMs, answeredAtMs, by: name, attempts };
      } catch (error) {
        if (error instanceof AdminApiError && !worthAnotherTry(error)) throw error;
        last = error;
        await sleep(betweenMs);
      }
    }
    throw new Error(`no replica took the revocation in ${msMax / 1000} s`, { cause: last });
  }

  /** Every edge as one replica sees it, from 0. */
  async edgesAt(index: number): Promise<readonly EdgeRow[]> {
    const path = '/v1/edges?limit=100';
    const call = { msMax: 3_000 };
    return (await this.at(index).get<{ readonly items: readonly EdgeRow[] }>(path, call)).items;
  }

  /** Every edge as the first replica that answers sees it. */
  async edges(first = 0): Promise<readonly EdgeRow[]> {
    let last: unknown = null;
    for (let attempt = 0; attempt < this.#apis.length; attempt += 1) {
      try {
        return await this.edgesAt((first + attempt) % this.#apis.length);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  async close(): Promise<void> {
    await Promise.all(this.#apis.map(({ api }) => api.close()));
  }

  #nth(index: number): { readonly name: string; readonly api: AdminApi } {
    const found = this.#apis[index % this.#apis.length];
    if (found === undefined) throw new Error('there is no replica');
    return found;
  }
}

/** 409 is the same request under way; 5xx and 429 are of the moment. */
function worthAnotherTry({ status }: AdminApiError): boolean {
  return status >= 500 || status === 409 || status === 429;
}

/** Whether `at` has come to `wanted`, in this epoch or in a later one. */
export function reached(at: Position | null | undefined, wanted: Position): boolean {
  if (at === null || at === undefined) return false;
  return at.epoch > wanted.epoch || (at.epoch === wanted.epoch && at.rev >= wanted.rev);
}

const laneNames = ['revoke', 'signals', 'config', 'directory'] as const;

/** What keeps the edges from having all that this replica has, with the same digests; '' if nothing. */
export function disagreement(rows: readonly EdgeRow[]): string {
  return rows
    .flatMap(({ id, lanes }) =>
      laneNames.flatMap((name) => {
        const lane = lanes[name];
        if (lane === undefined) return [`${id} says nothing of ${name}`];
        const { lagRevisions, digestAgrees, nack } = lane;
        if (lagRevisions === 0 && digestAgrees === true && nack === null) return [];
        return [`${id} in ${name}: lag ${lagRevisions}, digest agrees: ${digestAgrees}`];
      }),
    )
    .join('; ');
}
