import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Decision, Permit } from '@sallyport/policy';
import type { StateChange } from '../../state/current.ts';
import type { Permitted } from '../exchange.ts';

/** Why an exchange is decided again, and ended if it is refused. */
export type CutCause = 'revoked' | 'expired';

export interface OpenExchangesNeeds {
  /** null: there is nothing to decide by any more. */
  readonly judgeAgain: (value: Permitted) => Decision | null;
  readonly cut: (value: Permitted, cause: CutCause, decision: Decision | null) => void;
}

interface OpenExchange {
  readonly value: Permitted;
  permit: Permit;
}

/** Deciding goes on for so long before other work gets its turn. */
const sliceMs = 4;

/**
 * Every exchange between its permit and its end, with the permit it goes on by. A permit is not for
 * ever: it is asked for again when the state under it changes or its own time is over, and who gets
 * none any more is cut off.
 */
export class OpenExchanges {
  // No Map: what it has thrown away keeps alive what was in it, and with that whole exchanges until
  // the old generation is collected.
  readonly #open: (OpenExchange | null)[] = [];
  /** Places in it that are empty. */
  readonly #free: number[] = [];
  readonly #needs: OpenExchangesNeeds;
  #sweeping = false;
  #sweptAtMs = 0;

  constructor(needs: OpenExchangesNeeds) {
    this.#needs = needs;
  }

  get size(): number {
    return this.#open.length - this.#free.length;
  }

  add(value: Permitted): void {
    const at = this.#free.pop() ?? this.#open.length;
    this.#open[at] = { value, permit: value.permit };
    value.progress.openAt = at;
  }

  /** Nothing happens where it is none of them. */
  remove({ progress }: Pick<Permitted, 'progress'>): void {
    const { openAt } = progress;
    if (openAt === null) return;
    progress.openAt = null;
    this.#open[openAt] = null;
    this.#free.push(openAt);
  }

  /**
   * Decides again about all that the change may concern; done when that is done. What is permitted
   * meanwhile is permitted on the new state already, and deciding twice does no harm.
   */
  async redecide(change: Pick<StateChange, 'subjects'>): Promise<void> {
    await this.#decideThose((value) => (concerns(change, value) ? 'revoked' : null));
  }

  /**
   * Decides again about permits whose time is over, the time of the state among it: who is cut off
   * from news ends what it permitted, and what has news again goes on with a new permit. Where the
   * clock was set back no permit knows its end any more. Does nothing while the last sweep goes on.
   */
  async sweep(nowMs: number): Promise<void> {
    if (this.#sweeping) return;
    const setBack = nowMs < this.#sweptAtMs;
    this.#sweptAtMs = nowMs;
    this.#sweeping = true;
    try {
      await this.#decideThose((_value, permit) => {
        if (permit.untilMs <= nowMs) return 'expired';
        return setBack ? 'revoked' : null;
      });
    } finally {
      this.#sweeping = false;
    }
  }

  async #decideThose(
    causeOf: (value: Permitted, permit: Permit) => CutCause | null,
  ): Promise<void> {
    let sliceEnd = performance.now() + sliceMs;
    // By place: some may go meanwhile; those that come are permitted on the new state.
    for (let at = 0; at < this.#open.length; at += 1) {
      const one = this.#open[at];
      const cause = one ? causeOf(one.value, one.permit) : null;
      if (one && cause !== null) this.#decide(one, cause);
      if (performance.now() < sliceEnd) continue;
      await nextTurn();
      sliceEnd = performance.now() + sliceMs;
    }
  }

  #decide(one: OpenExchange, cause: CutCause): void {
    const { value } = one;
    const decision = this.#needs.judgeAgain(value);
    if (decision?.outcome === 'permit') {
      one.permit = decision;
      return;
    }
    this.remove(value);
    this.#needs.cut(value, cause, decision);
  }
}

function concerns(
  { subjects }: Pick<StateChange, 'subjects'>,
  { facts, opened }: Permitted,
): boolean {
  if (subjects === null) return true;
  const { device } = facts;
  return (
    (opened !== null &&
      (subjects.sessions.has(opened.statement.sid) ||
        subjects.users.has(opened.statement.userId) ||
        (opened.statement.deviceId !== null && subjects.devices.has(opened.statement.deviceId)))) ||
    (device.kind === 'known' &&
      (subjects.devices.has(device.id) || subjects.certificates.has(device.certificateSha256)))
  );
}
