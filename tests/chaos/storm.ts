import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Revoked } from '../support/admin.ts';
import type { Seeded } from '../support/seeded.ts';

const bystanders = 24;
const pauseMs = { low: 50, high: 200 };

/**
 * A storm of revocations of people whom nobody asks with: blocks, some lifted again, and ends. It
 * keeps what was confirmed, for the reckoning afterwards.
 */
export class Storm {
  readonly confirmed: string[] = [];
  readonly failures: unknown[] = [];
  readonly #admin: Admin;
  readonly #seeded: Seeded;
  readonly #replicas: number;
  readonly #working: Promise<void>[] = [];
  #userIds: readonly string[] = [];
  #stopped = false;

  constructor(admin: Admin, replicas: number, seeded: Seeded) {
    this.#admin = admin;
    this.#replicas = replicas;
    this.#seeded = seeded;
  }

  async start(workers: number): Promise<void> {
    this.#userIds = await Promise.all(
      Array.from({ length: bystanders }, async (_, index) => {
        const email = `bystander-${index}@corp.localhost`;
        const { body } = await this.#admin.at(0).post<{ readonly id: string }>('/v1/users', {
          email,
          displayName: `Bystander ${index}`,
        });
        return body.id;
      }),
    );
    for (let worker = 0; worker < workers; worker += 1) this.#working.push(this.#work());
  }

  /** Resolves when the last revocation under way has its answer. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#working);
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      await this.#revokeOne().catch((error: unknown) => this.failures.push(error));
      await sleep(this.#seeded.between(pauseMs.low, pauseMs.high));
    }
  }

  async #revokeOne(): Promise<void> {
    const seeded = this.#seeded;
    const first = Math.floor(seeded.next() * this.#replicas);
    const effect = seeded.next() < 0.6 ? ('block' as const) : ('end' as const);
    const target = { kind: 'user', id: seeded.one(this.#userIds) };
    const revoked: Revoked = await this.#admin.revoke(target, { effect, first, wait: false });
    this.confirmed.push(revoked.id);
    if (effect === 'block' && seeded.next() < 0.5) await this.#lift(revoked.id, first);
  }

  /** A lift that is not answered is left alone: a block too many harms no bystander. */
  async #lift(id: string, first: number): Promise<void> {
    await this.#admin
      .at(first)
      .delete(`/v1/revocations/${id}`, { msMax: 5_000 })
      .catch(() => {});
  }
}
