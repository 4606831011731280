import { expect } from 'vitest';
import { call } from '../client.ts';
import { Conversation } from '../conversation.ts';
import { TestEdge } from '../edge.ts';
import { ok } from '../recorder.ts';
import { type ConformanceCase, Talk } from './case.ts';

/** An edge that cases are tried against, one after the other. */
export class ConformanceRun {
  readonly #pieces: boolean;
  #edge: TestEdge | null = null;
  #cookie = '';

  /** `pieces`: each byte of a case travels alone. */
  constructor(pieces = false) {
    this.#pieces = pieces;
  }

  get edge(): TestEdge {
    if (this.#edge === null) throw new Error('not started');
    return this.#edge;
  }

  async start(): Promise<void> {
    this.#edge = await TestEdge.start();
    this.#cookie = await this.edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
  }

  async stop(): Promise<void> {
    await this.edge.stop();
  }

  async talk(): Promise<Talk> {
    const conversation = await Conversation.open(this.edge, this.#pieces);
    return new Talk(this.edge, conversation, this.#cookie);
  }

  /** The process is alive, and the next regular request works. */
  async settle(): Promise<void> {
    this.edge.upstream.script = ok;
    expect((await call(this.edge, { cookie: this.#cookie, path: '/alive' })).status).toBe(200);
    await this.edge.settle();
  }

  /** Sends a case, and holds what comes of it to what has to. */
  async check({ send, outcome }: ConformanceCase): Promise<void> {
    const talk = await this.talk();
    await send(talk);
    if (outcome === 'fine') {
      expect(await talk.with.heard()).toEqual({ goAway: null, alive: true });
    } else if ('connection' in outcome) {
      const heard = await talk.with.heard();
      expect(heard.alive).toBe(false);
      expect(outcome.connection).toContain(heard.goAway);
      await this.#recorded((reason) => reason === 'malformed');
    } else {
      const wanted = outcome.with.map((one) => (typeof one === 'number' ? `reset ${one}` : one));
      expect(wanted).toContain(await talk.with.said(outcome.stream));
      // Others of the connection go on.
      expect((await talk.with.heard()).alive).toBe(true);
      talk.with.close();
      if (!wanted.includes('status 200')) await this.#neverWhole();
    }
    talk.with.close();
  }

  async #recorded(fits: (reason: string) => boolean): Promise<void> {
    const { all } = this.edge.records;
    await expect
      .poll(() => all.some(({ outcome, reasons }) => outcome === 'refused' && reasons.some(fits)))
      .toBe(true);
  }

  /** What was refused has a record, and no upstream took it for a whole request. */
  async #neverWhole(): Promise<void> {
    const { all } = this.edge.records;
    await expect.poll(() => all.length).toBeGreaterThan(0);
    const whole = all.filter(
      ({ outcome, ending }) => outcome === 'permit' && ending === 'complete',
    );
    expect(whole).toEqual([]);
  }
}
