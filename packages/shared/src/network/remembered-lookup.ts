import type { LookupAddress, LookupOptions } from 'node:dns';
import { type Lookup, type LookupCallback, localhostLookup } from './lookup.ts';

/** An answer is believed for so long; the system's resolver tells no lifetime. */
const freshMs = 5_000;
/** Who has an older answer waits so long for a new one. */
const patienceMs = 1_000;
/** An older answer is good for so long while there is no new one. */
const keptMs = 3_600_000;
/** Lookups of the system block threads that signing and opening cookies need too. */
const atOnceMax = 2;
const namesMax = 4_096;

interface Name {
  answer: readonly LookupAddress[] | null;
  answeredAtMs: number;
  asking: Promise<void> | null;
  error: NodeJS.ErrnoException | null;
}

/**
 * Resolves names as the system does, and goes on with the last good answer while that fails or takes
 * long. Who uses the addresses must check each of them, each time: `guardedLookup` does.
 */
export class RememberedLookup {
  readonly #resolve: Lookup;
  readonly #nowMs: () => number;
  readonly #names = new Map<string, Name>();
  readonly #turns: (() => void)[] = [];
  #asking = 0;

  constructor(resolve: Lookup = localhostLookup, nowMs: () => number = () => performance.now()) {
    this.#resolve = resolve;
    this.#nowMs = nowMs;
  }

  /** For the `lookup` option of net, tls and undici. */
  readonly lookup: Lookup = (hostname, options, callback) => {
    this.#find(hostname, options).then(
      // What a callback throws is not ours to catch.
      (answer) => process.nextTick(deliver, answer, options, callback),
      (error: NodeJS.ErrnoException) => process.nextTick(callback, error, '', 0),
    );
  };

  async #find(hostname: string, options: LookupOptions): Promise<readonly LookupAddress[]> {
    const name = this.#nameOf(hostname, options);
    const ageMs = this.#nowMs() - name.answeredAtMs;
    if (name.answer !== null && ageMs >= 0 && ageMs < freshMs) return name.answer;
    name.asking ??= this.#ask(name, hostname, options);
    const kept = ageMs < keptMs ? name.answer : null;
    await (kept === null ? name.asking : Promise.race([name.asking, patience()]));
    const found = name.error === null ? name.answer : kept;
    if (found !== null) return found;
    throw name.error ?? new Error(`no answer for ${hostname}`);
  }

  #nameOf(hostname: string, { family = 0 }: LookupOptions): Name {
    const key = `${family} ${hostname}`;
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.#names.keys();
    if (this.#names.size >= namesMax && oldest !== undefined) this.#names.delete(oldest);
    const name: Name = { answer: null, answeredAtMs: 0, asking: null, error: null };
    this.#names.set(key, name);
    return name;
  }

  /** One question for a name at a time, whoever waits for it. Never rejects. */
  async #ask(name: Name, hostname: string, options: LookupOptions): Promise<void> {
    if (this.#asking < atOnceMax) this.#asking += 1;
    else await new Promise<void>((resolve) => this.#turns.push(resolve));
    await new Promise<void>((resolve) => {
      this.#resolve(hostname, { ...options, all: true }, (error, answer) => {
        name.error = error;
        if (error === null) {
          name.answer = Array.isArray(answer) ? answer : [];
          name.answeredAtMs = this.#nowMs();
        }
        resolve();
      });
    });
    name.asking = null;
    // The place is handed on.
    const next = this.#turns.shift();
    if (next === undefined) this.#asking -= 1;
    else next();
  }
}

function patience(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, patienceMs).unref();
  });
}

function deliver(
  answer: readonly LookupAddress[],
  options: LookupOptions,
  callback: LookupCallback,
): void {
  const [first] = answer;
  if (options.all === true) callback(null, [...answer]);
  else if (first === undefined) callback(new Error('the name has no address'), '', 0);
  else callback(null, first.address, first.family);
}
