import { setTimeout as sleep } from 'node:timers/promises';
import { type Position, type Revoked, reached } from '../support/admin.ts';
import { userOf } from '../support/cast.ts';
import { readMetrics } from '../support/metrics.ts';
import { Oracle } from '../support/oracle.ts';
import { recovered } from '../support/recoveries.ts';
import { Seeded } from '../support/seeded.ts';
import { openSession, type Session } from '../support/sessions.ts';
import { untilAgreed, untilEnforced, untilNormal, type World } from '../support/world.ts';
import { Storm } from './storm.ts';
import {
  type Enforced,
  type LanesSeen,
  lanesThatWentBack,
  lostRevocations,
  permitsAfterEnforced,
} from './verdicts.ts';
import { type Misfortune, misfortunes } from './victims.ts';

const stormWorkers = 2;
const askEveryMs = 80;
const lookEveryMs = 1_000;
const pollEveryMs = 250;
const calmMs = 500;
const restMsMax = 60_000;
const digestsMsMax = 15_000;
const people = ['alice', 'carol', 'adam'] as const;

/** What one run found. */
export interface Reckoning {
  readonly violations: readonly string[];
  readonly revocations: number;
  readonly answers: number;
  readonly enforced: number;
}

/**
 * Lets each process of the stack fail in turn during a storm of revocations, while an oracle asks
 * every edge with sessions that are ended one after the other. The figures of each recovery go to
 * the report.
 */
export class Chaos {
  readonly #world: World;
  readonly #seeded: Seeded;
  readonly #oracle: Oracle;
  readonly #live: Session[] = [];
  readonly #ended: Session[] = [];
  readonly #enforced: Enforced[] = [];
  readonly #seen: LanesSeen[] = [];
  readonly #confirmed: string[] = [];
  readonly #background: Promise<void>[] = [];
  #over = false;

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#seeded = new Seeded(seed);
    this.#oracle = new Oracle(world.asker);
  }

  async run(): Promise<Reckoning> {
    const { stack, admin } = this.#world;
    const { controlPlanes, edges } = stack.description;
    const names = <T extends { readonly name: string }>(of: readonly T[]) =>
      of.map(({ name }) => name);
    const ills = misfortunes(this.#seeded, names(controlPlanes), names(edges));
    await this.#signIn(2 * ills.length + 2);
    const storm = new Storm(admin, controlPlanes.length, this.#seeded);
    await storm.start(stormWorkers);
    for (const edge of edges.keys()) this.#oracle.follow(edge, () => this.#next(), askEveryMs);
    this.#background.push(this.#lookAtLanes());
    for (const ill of ills) await this.#suffer(ill);
    await storm.stop();
    const rest = await this.#comeToRest();
    await this.#oracle.stop();
    this.#over = true;
    await Promise.all(this.#background);
    const confirmed = [...storm.confirmed, ...this.#confirmed];
    return {
      violations: [
        ...permitsAfterEnforced(this.#oracle.answers, this.#enforced),
        ...lanesThatWentBack(this.#seen),
        ...lostRevocations(confirmed, await this.#recorded()),
        ...storm.failures.map((error) => `the storm was not answered: ${String(error)}`),
        ...rest,
      ],
      revocations: confirmed.length,
      answers: this.#oracle.answers.length,
      enforced: this.#enforced.length,
    };
  }

  async #signIn(count: number): Promise<void> {
    const { description } = this.#world.stack;
    for (let made = 0; made < count; made += 1) {
      const user = userOf(description, people[made % people.length] ?? 'alice');
      this.#live.push(await openSession(description, user, made % description.edges.length));
    }
  }

  /** Mostly sessions that have been ended; now and then one that is live. */
  #next(): Session | null {
    const ended = this.#ended.length > 0 && this.#seeded.next() < 0.8;
    const from = ended ? this.#ended : this.#live;
    return from.length === 0 ? null : this.#seeded.one(from);
  }

  /** One misfortune: one session is ended amid it, one after it. */
  async #suffer({ victim, how, forMs }: Misfortune): Promise<void> {
    const { stack } = this.#world;
    const startedAt = performance.now();
    if (how === 'killed') await stack.kill(victim);
    else stack.pause(victim);
    const amid = this.#endOne(victim);
    await sleep(forMs);
    const backAt = performance.now();
    if (how === 'killed') await stack.restart(victim);
    else stack.resume(victim);
    const upAt = performance.now();
    const normalMs = await untilNormal(this.#world, restMsMax);
    const revoked = await amid;
    const what = `${victim} ${how} for ${((backAt - startedAt) / 1000).toFixed(1)} s`;
    const figures = [
      `session ended amid it: answered after ${seconds(revoked.answeredAtMs - revoked.askedAtMs)}`,
      `up in ${seconds(upAt - backAt)}`,
      `all normal ${seconds(normalMs)} after that`,
    ];
    recovered('chaos', what, figures.join(', '));
    await this.#endOne(victim);
    await sleep(calmMs);
  }

  /** Ends one live session, and follows until every edge has confirmed it. */
  async #endOne(victim: string): Promise<Revoked> {
    const { admin, stack } = this.#world;
    const session = this.#live.pop();
    if (session === undefined) throw new Error('no session is left');
    const planes = stack.description.controlPlanes;
    const first = Math.max(
      0,
      planes.findIndex(({ name }) => name === victim),
    );
    const revoked = await admin.revoke({ kind: 'session', id: session.sid }, { first });
    this.#confirmed.push(revoked.id);
    this.#ended.push(session);
    const open = new Set(stack.description.edges.keys());
    for (const [edge, { id }] of stack.description.edges.entries()) {
      const receipt = revoked.receipts.find(({ edgeId }) => edgeId === id);
      if (receipt?.status !== 'enforced') continue;
      this.#enforced.push({ sid: session.sid, edge, atMs: revoked.answeredAtMs });
      open.delete(edge);
    }
    if (open.size > 0) this.#background.push(this.#followUp(session, revoked.position, open));
    return revoked;
  }

  /** Those that were away confirm it later. */
  async #followUp(session: Session, position: Position, open: Set<number>): Promise<void> {
    const { admin, stack } = this.#world;
    while (open.size > 0 && !this.#over) {
      const rows = await admin.edges().catch(() => []);
      const atMs = performance.now();
      for (const edge of [...open]) {
        const row = rows.find(({ id }) => id === stack.description.edges[edge]?.id);
        if (!reached(row?.lanes['revoke']?.enforced, position)) continue;
        this.#enforced.push({ sid: session.sid, edge, atMs });
        open.delete(edge);
      }
      await sleep(pollEveryMs);
    }
  }

  async #lookAtLanes(): Promise<void> {
    const { edges } = this.#world.stack.description;
    while (!this.#over) {
      await Promise.all(
        edges.map(async ({ ops }, edge) => {
          const lanes = await lanesOf(ops).catch(() => null);
          if (lanes !== null) this.#seen.push({ edge, lanes });
        }),
      );
      await sleep(lookEveryMs);
    }
  }

  /** Everybody has everything, with the same digests, and every ended session is refused. */
  async #comeToRest(): Promise<string[]> {
    const { asker, stack } = this.#world;
    const last = this.#live.at(-1);
    await untilNormal(this.#world, restMsMax);
    const revoked = await this.#endOne('');
    recovered(
      'chaos',
      'at rest: every edge enforces the last one after',
      await untilEnforced(this.#world, revoked, restMsMax),
    );
    const wrong: string[] = [];
    for (const session of this.#ended) {
      const statuses = await asker.statuses(session);
      if (statuses.some((status) => status !== 401)) {
        wrong.push(`ended session ${session.sid} gets ${statuses.join(' ')} at rest`);
      }
    }
    if (last !== undefined && this.#live.includes(last)) {
      const statuses = await asker.statuses(last);
      if (statuses.some((status) => status !== 200)) {
        wrong.push(`live session ${last.sid} gets ${statuses.join(' ')} at rest`);
      }
    }
    for (const [index, { name }] of stack.description.controlPlanes.entries()) {
      await untilAgreed(this.#world, index, digestsMsMax).catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        wrong.push(`seen from ${name}, at rest: ${why.slice(0, 300)}`);
      });
    }
    return wrong;
  }

  async #recorded(): Promise<ReadonlySet<string>> {
    const api = this.#world.admin.at(0);
    const ids = new Set<string>();
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page: Page = await api.get<Page>(`/v1/revocations?limit=100${query}`);
      for (const { id } of page.items) ids.add(id);
      cursor = page.nextCursor;
    }
    return ids;
  }
}

interface Page {
  readonly items: readonly { readonly id: string }[];
  readonly nextCursor: string | null;
}

async function lanesOf(ops: string): Promise<Map<string, Position>> {
  const figures = await readMetrics(ops);
  const lanes = new Map<string, Position>();
  for (const { name, labels, value } of figures) {
    const lane = labels['lane'];
    if (name !== 'sallyport_edge_lane_epoch' || lane === undefined || value === 0) continue;
    const rev = figures.find(
      (figure) =>
        figure.name === 'sallyport_edge_lane_revision' &&
        figure.labels['lane'] === lane &&
        figure.labels['stage'] === 'taken',
    );
    if (rev !== undefined) lanes.set(lane, { epoch: value, rev: rev.value });
  }
  return lanes;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
