import type { Dice } from './random.ts';
import type { Broadcast } from './stream.ts';
import type { Timeline } from './timeline.ts';

/** How badly the broadcast behaves. */
export interface NatsFaults {
  readonly lossChance: number;
  readonly twiceChance: number;
  readonly delayMsMax: number;
}

/**
 * A broadcast that loses, doubles and reorders, and in which somebody else may speak as well: the
 * hostile peer says again what it heard, and what it makes up does not verify.
 */
export class Nats {
  up = true;
  faults: NatsFaults = { lossChance: 0, twiceChance: 0, delayMsMax: 5 };
  readonly #timeline: Timeline;
  readonly #dice: Dice;
  readonly #listeners = new Map<string, (message: Broadcast) => void>();
  readonly #cut = new Set<string>();
  #heard: Broadcast[] = [];

  constructor(timeline: Timeline, dice: Dice) {
    this.#timeline = timeline;
    this.#dice = dice;
  }

  subscribe(edge: string, listener: (message: Broadcast) => void): void {
    this.#listeners.set(edge, listener);
  }

  unsubscribe(edge: string): void {
    this.#listeners.delete(edge);
  }

  cut(edge: string, cut: boolean): void {
    if (cut) this.#cut.add(edge);
    else this.#cut.delete(edge);
  }

  publish(message: Broadcast): void {
    if (this.#heard.length < heardMax) this.#heard.push(message);
    else this.#heard[this.#dice.int(0, heardMax - 1)] = message;
    this.#spread(message, false);
  }

  /** What the hostile peer heard, again, also to those that it has cut off from everybody else. */
  replay(messages: number): void {
    if (this.#heard.length === 0) return;
    for (let at = 0; at < messages; at += 1) this.#spread(this.#dice.pick(this.#heard), true);
  }

  /** What it makes up. */
  forge(message: Broadcast): void {
    this.#spread({ ...message, verdict: 'forged' }, true);
  }

  #spread(message: Broadcast, hostile: boolean): void {
    if (!this.up) return;
    for (const edge of this.#listeners.keys()) {
      const { lossChance, twiceChance } = this.faults;
      if (this.#dice.chance(lossChance)) continue;
      this.#deliver(edge, message, hostile);
      if (this.#dice.chance(twiceChance)) this.#deliver(edge, message, hostile);
    }
  }

  #deliver(edge: string, message: Broadcast, hostile: boolean): void {
    this.#timeline.after(this.#dice.int(1, this.faults.delayMsMax), () => {
      const reaches = hostile || !this.#cut.has(edge);
      if (this.up && reaches) this.#listeners.get(edge)?.(message);
    });
  }
}

const heardMax = 64;
