import { setTimeout as sleep } from 'node:timers/promises';
import type { Asker, Session } from './sessions.ts';

/** One question and its answer. Times are performance.now(). */
export interface Answered {
  readonly edge: number;
  readonly sid: string;
  readonly sentAtMs: number;
  readonly tookMs: number;
  /** null: none. */
  readonly status: number | null;
}

const answersMax = 200_000;

/**
 * Keeps asking edges with sessions and writes down what they answer; what is right is decided
 * afterwards, from the times. Bounded: a run that gives more answers than it keeps fails.
 */
export class Oracle {
  readonly answers: Answered[] = [];
  readonly #asker: Asker;
  readonly #following: Promise<void>[] = [];
  #stopped = false;

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  /** Asks once. */
  async ask(session: Session, edge: number): Promise<Answered> {
    const sentAtMs = performance.now();
    const status = await this.#asker.status(session, edge);
    const answered = {
      edge,
      sid: session.sid,
      sentAtMs,
      tookMs: performance.now() - sentAtMs,
      status,
    };
    if (this.answers.length >= answersMax) throw new Error(`more than ${answersMax} answers`);
    this.answers.push(answered);
    return answered;
  }

  /** Asks the edge with the session that `next` names, one question after the other. */
  follow(edge: number, next: () => Session | null, everyMs: number): void {
    this.#following.push(this.#follow(edge, next, everyMs));
  }

  /** Ends all following; resolves when the last answer is there. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#following);
  }

  async #follow(edge: number, next: () => Session | null, everyMs: number): Promise<void> {
    while (!this.#stopped) {
      const session = next();
      if (session !== null) await this.ask(session, edge);
      await sleep(everyMs);
    }
  }
}

/** The longest time between two permits among these answers, milliseconds. */
export function longestWaitMs(answers: readonly Answered[]): number {
  const good = answers.filter(({ status }) => status === 200).map((one) => one.sentAtMs);
  return good
    .slice(1)
    .reduce((longest, at, index) => Math.max(longest, at - (good[index] ?? at)), 0);
}
