import { hex } from '@sallyport/shared/bytes';
import type { Lane } from '@sallyport/shared/state/model';
import type { FrameProof } from '@sallyport/shared/sync/messages';
import { type LogHistory, readHistories } from '../../store/change-log.ts';
import { type Database, read } from '../../store/database.ts';
import type { Monotonic } from '../1-log/follow.ts';

/** So long an answer is given again. */
const keptMs = 1_000;
/** In one statement, which hashes as many bodies. */
const batchMax = 32;

type Ask = PromiseWithResolvers<LogHistory | null>;

/** What is asked about one proof, and by whom: the lanes of edges. */
interface Question {
  readonly key: string;
  readonly lane: Lane;
  readonly proof: FrameProof;
  readonly asks: Map<string, Ask>;
}

/**
 * Asks the database what its log has in the place of a proof, for all streams of this replica. Any
 * edge can ask at any time, so it takes one ordinary connection: one statement after the other, each
 * for the questions that have come meanwhile. The same question is asked once a second, and one lane
 * of one edge has one question waiting. An answer is shared by those alone who have the same proof:
 * it is not older than their proof, or it would miss what the log has had for as long.
 */
export class HistoryChecks {
  readonly #database: Database;
  readonly #monotonic: Monotonic;
  /** By proof, oldest first. */
  readonly #kept = new Map<string, { readonly answer: LogHistory; readonly untilMs: number }>();
  readonly #waiting = new Map<string, Question>();
  /** The question that a lane of an edge waits with. */
  readonly #waitsWith = new Map<string, Question>();
  #running: ReadonlyMap<string, Question> | null = null;

  constructor(database: Database, monotonic: Monotonic) {
    this.#database = database;
    this.#monotonic = monotonic;
  }

  /** null: the edge has asked something else of the lane since. Fails as `read` does. */
  ask(edgeId: string, lane: Lane, proof: FrameProof): Promise<LogHistory | null> {
    const key = [lane, proof.epoch, proof.rev, hex(proof.bodySha256)].join(' ');
    this.#forgetOld();
    const kept = this.#kept.get(key);
    if (kept !== undefined) return Promise.resolve(kept.answer);
    const asker = `${edgeId} ${lane}`;
    const running = this.#running?.get(key);
    if (running !== undefined) return joined(running, asker);
    const question = this.#waiting.get(key) ?? { key, lane, proof, asks: new Map<string, Ask>() };
    this.#leave(asker, question);
    this.#waiting.set(key, question);
    this.#waitsWith.set(asker, question);
    const answer = joined(question, asker);
    if (this.#running === null) void this.#run();
    return answer;
  }

  /** What this lane of this edge waited with before is not asked for its sake any more. */
  #leave(asker: string, next: Question): void {
    const before = this.#waitsWith.get(asker);
    if (before === undefined || before === next) return;
    before.asks.get(asker)?.resolve(null);
    before.asks.delete(asker);
    if (before.asks.size === 0) this.#waiting.delete(before.key);
  }

  async #run(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting.values()].slice(0, batchMax);
      this.#begin(batch);
      try {
        const answers = await read(this.#database, (db) =>
          readHistories(
            db,
            batch.map(({ lane, proof: { epoch, rev } }) => ({ lane, epoch, rev })),
          ),
        );
        for (const [index, question] of batch.entries()) this.#answer(question, answers[index]);
      } catch (error) {
        // The next would fare no better, and all of them ask again.
        const rest = [...this.#waiting.values()];
        this.#begin(rest);
        for (const { asks } of [...batch, ...rest])
          for (const ask of asks.values()) ask.reject(error);
      }
    }
    this.#running = null;
  }

  #begin(batch: readonly Question[]): void {
    this.#running = new Map(batch.map((question) => [question.key, question]));
    for (const { key, asks } of batch) {
      this.#waiting.delete(key);
      for (const asker of asks.keys()) this.#waitsWith.delete(asker);
    }
  }

  #answer({ key, asks }: Question, answer: LogHistory | undefined): void {
    if (answer === undefined) throw new Error('the database answers less than it was asked');
    this.#kept.set(key, { answer, untilMs: this.#monotonic() + keptMs });
    for (const ask of asks.values()) ask.resolve(answer);
  }

  #forgetOld(): void {
    const nowMs = this.#monotonic();
    for (const [key, { untilMs }] of this.#kept) {
      if (untilMs > nowMs) return;
      this.#kept.delete(key);
    }
  }
}

function joined({ asks }: Question, asker: string): Promise<LogHistory | null> {
  const ask: Ask = asks.get(asker) ?? Promise.withResolvers();
  asks.set(asker, ask);
  return ask.promise;
}
