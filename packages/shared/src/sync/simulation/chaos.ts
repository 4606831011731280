import type { RevokeOp } from '../../state/model.ts';
import type { FrameMessage } from '../messages.ts';
import { type Backup, modelLanes } from './database.ts';
import type { Session } from './edge.ts';
import { encodeOps, endedKey, generationKey, type ModelOp } from './model-rows.ts';
import type { Dice } from './random.ts';
import type { World } from './world.ts';

/** What people do to the state, and what happens to the machines: one step at a time, by dice. */
export class Chaos {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #actions: readonly Action[];
  #sessions: Session[] = [];
  #blocks: Extract<RevokeOp, { op: 'block' }>[] = [];
  #backup: Backup | null = null;
  #historyHidden = false;
  #count = 0;

  constructor(world: World) {
    this.#world = world;
    this.#dice = world.dice;
    // A different part of all faults in each world: what is always there hides what is rare.
    const faults = this.#faults().filter(() => this.#dice.chance(0.4));
    this.#actions = [...this.#work(), ...faults];
    this.#tuneNats();
  }

  /** One thing that happens; how long until the next, milliseconds. */
  step(): number {
    const total = this.#actions.reduce((sum, { weight }) => sum + weight, 0);
    let at = this.#dice.next() * total;
    const chosen = this.#actions.find(({ weight }) => {
      at -= weight;
      return at < 0;
    });
    chosen?.run();
    return this.#dice.pick([5, 20, 60, 150, 400]);
  }

  /** Everything works again. */
  heal(): void {
    const { nats, database, replicas, edges } = this.#world;
    nats.faults = { lossChance: 0, twiceChance: 0, delayMsMax: 5 };
    database.up = true;
    for (const replica of replicas) {
      replica.paused = false;
      replica.databaseCut = false;
      if (!replica.up) replica.start(10);
    }
    for (const edge of edges) {
      nats.cut(edge.name, false);
      edge.thaw();
      if (!edge.up) edge.start();
    }
    this.#world.healNetwork();
    const ops = newerRows.map((id) => ({ op: 'deleted_user', id }) as const);
    database.commit('directory', [...ops, this.#user('last')]);
  }

  #work(): Action[] {
    return [
      { weight: 5, run: () => this.#signIn() },
      { weight: 6, run: () => this.#revoke() },
      { weight: 3, run: () => this.#lift() },
      { weight: 5, run: () => this.#writeDirectory() },
      { weight: 2, run: () => this.#burst() },
    ];
  }

  #faults(): Action[] {
    const { database, replicas, edges, nats } = this.#world;
    const dice = this.#dice;
    return [
      { weight: 1, run: () => this.#restartReplica() },
      { weight: 1, run: () => this.#pauseReplica() },
      { weight: 2, run: () => this.#restartEdge() },
      { weight: 1, run: () => this.#world.cut(dice.pick(edges), dice.pick(replicas)) },
      { weight: 1, run: () => this.#isolate() },
      { weight: 1, run: () => this.#world.healNetwork() },
      { weight: 1, run: () => this.#hideHistory(() => this.#cutDatabase()) },
      { weight: 1, run: () => this.#outage() },
      { weight: 0.5, run: () => this.#failover() },
      { weight: 0.3, run: () => this.#restoreSilently() },
      { weight: 0.5, run: () => this.#backUp() },
      {
        weight: 1,
        run: () => this.#hideHistory(() => database.compact(dice.pick(modelLanes), dice.int(0, 6))),
      },
      { weight: 2, run: () => nats.replay(dice.int(1, 5)) },
      { weight: 2, run: () => this.#forge() },
      { weight: 1, run: () => nats.cut(dice.pick(edges).name, dice.chance(0.6)) },
      { weight: 1, run: () => this.#stepClock() },
      { weight: 1, run: () => this.#provisional() },
      { weight: 0.5, run: () => this.#writeNewer() },
      { weight: 0.5, run: () => this.#corruptRows() },
      { weight: 1, run: () => this.#freezeEdge() },
    ];
  }

  #tuneNats(): void {
    const dice = this.#dice;
    this.#world.nats.faults = {
      lossChance: dice.pick([0, 0.05, 0.3, 0.7]),
      twiceChance: dice.pick([0, 0.2]),
      delayMsMax: dice.pick([5, 50, 800, 4_000]),
    };
  }

  #signIn(): void {
    const { database, oracle } = this.#world;
    const user = `user-${this.#dice.int(1, 5)}`;
    if (!database.up || database.rows('revoke').blocks(user)) return;
    this.#count += 1;
    const sid = `session-${this.#count}`;
    const session = {
      sid,
      user,
      endedKey: endedKey(sid),
      generationKey: generationKey('user', user),
      globalGeneration: database.generation('global', ''),
      userGeneration: database.generation('user', user),
    };
    this.#sessions = [...this.#sessions.slice(-39), session];
    oracle.sessions = this.#sessions;
  }

  #revoke(): void {
    if (!this.#world.database.up) return;
    this.#commit([this.#denial()]);
  }

  #denial(): RevokeOp {
    const dice = this.#dice;
    const user = `user-${dice.int(1, 5)}`;
    const kind = dice.int(0, 2);
    const [session] = this.#sessions.slice(-dice.int(1, 10));
    if (kind === 0 && session !== undefined) {
      return { op: 'ended_session', sid: session.sid, expiresAtMs: 2_000_000_000 };
    }
    if (kind === 1) {
      const value = this.#world.database.generation('user', user) + 1;
      return { op: 'generation', scope: 'user', subjectId: user, value };
    }
    this.#count += 1;
    const block = {
      op: 'block',
      revocationId: `block-${this.#count}`,
      kind: 'user',
      subjectId: user,
      expiresAtMs: null,
    } as const;
    this.#blocks = [...this.#blocks.slice(-19), block];
    return block;
  }

  #lift(): void {
    const block = this.#blocks.shift();
    if (block === undefined || !this.#world.database.up) return;
    const { revocationId, kind, subjectId } = block;
    this.#commit([{ op: 'lifted_block', revocationId, kind, subjectId }]);
  }

  #writeDirectory(): void {
    if (!this.#world.database.up) return;
    this.#world.database.commit('directory', [this.#user(`person-${this.#dice.int(1, 12)}`)]);
    this.#wake();
  }

  #burst(): void {
    if (!this.#world.database.up) return;
    const revisions = this.#dice.int(5, 20);
    for (let at = 0; at < revisions; at += 1) {
      if (this.#dice.chance(0.5)) this.#world.database.commit('revoke', [this.#denial()]);
      else this.#world.database.commit('directory', [this.#user(`person-${at}`)]);
    }
    this.#wake();
  }

  #commit(ops: readonly ModelOp[]): void {
    this.#world.database.commit('revoke', ops);
    this.#wake();
  }

  /** A wake-up may be lost; the poll is behind it. */
  #wake(): void {
    for (const replica of this.#world.replicas) {
      if (this.#dice.chance(0.8)) {
        this.#world.timeline.after(this.#dice.int(1, 20), () => replica.follow());
      }
    }
  }

  #restartReplica(): void {
    const replica = this.#dice.pick(this.#world.replicas);
    if (!replica.up) return replica.start(this.#dice.int(1, 250));
    replica.crash();
    this.#world.timeline.after(this.#dice.pick([50, 500, 4_000]), () => {
      if (!replica.up) replica.start(1);
    });
  }

  #pauseReplica(): void {
    const replica = this.#dice.pick(this.#world.replicas);
    replica.paused = replica.up;
    this.#world.timeline.after(this.#dice.pick([300, 1_500, 6_000]), () => {
      replica.paused = false;
    });
  }

  #restartEdge(): void {
    const edge = this.#dice.pick(this.#world.edges);
    if (!edge.up) return;
    edge.crash();
    const damage = this.#dice.int(1, 7);
    if (damage === 1) edge.disk.lose(this.#dice.pick(modelLanes));
    else if (damage === 2) edge.disk.putBack(this.#dice.pick(modelLanes));
    this.#world.timeline.after(this.#dice.pick([10, 400, 3_000]), () => {
      if (edge.up) return;
      edge.start();
      this.#world.oracle.check(edge);
    });
  }

  /** An edge loses every replica, or keeps only NATS. */
  #isolate(): void {
    const edge = this.#dice.pick(this.#world.edges);
    for (const replica of this.#world.replicas) this.#world.cut(edge, replica);
    if (this.#dice.chance(0.5)) this.#world.nats.cut(edge.name, true);
  }

  /** Its buffers fill, then often it is cut off: what they hold is old when it goes on. */
  #freezeEdge(): void {
    const { timeline, replicas, nats } = this.#world;
    const edge = this.#dice.pick(this.#world.edges);
    if (!edge.up || edge.frozen) return;
    edge.frozen = true;
    if (this.#dice.chance(0.7)) {
      timeline.after(this.#dice.int(0, 2_000), () => {
        if (!edge.frozen) return;
        for (const replica of replicas) this.#world.cut(edge, replica);
        nats.cut(edge.name, true);
      });
    }
    timeline.after(this.#dice.pick([700, 7_000, 9_000]), () => edge.thaw());
  }

  #outage(): void {
    const { database, timeline } = this.#world;
    database.up = false;
    timeline.after(this.#dice.pick([200, 2_000, 5_000]), () => {
      database.up = true;
    });
  }

  #failover(): void {
    const { database, oracle } = this.#world;
    oracle.lost(database.loseTail(this.#dice.int(0, 8)));
    database.raiseEpoch();
    this.#wake();
  }

  #backUp(): void {
    this.#backup = this.#world.database.backUp();
  }

  /** A backup is put back, and nobody says so: only what edges can prove shows it. */
  #restoreSilently(): void {
    const { database, oracle, replicas } = this.#world;
    if (this.#historyHidden) return;
    oracle.silentlyRestored = true;
    const lost =
      this.#backup === null
        ? database.loseTail(this.#dice.int(1, 8))
        : database.putBack(this.#backup);
    oracle.lost(lost);
    for (const replica of replicas) {
      if (!replica.up) continue;
      replica.crash();
      replica.start(this.#dice.int(1, 250));
    }
  }

  #forge(): void {
    const dice = this.#dice;
    const { nats, database } = this.#world;
    const head = database.head('revoke');
    const rev = Math.max(1, head.rev + dice.int(-3, 3));
    const block = this.#blocks.at(-1);
    const ops: ModelOp[] =
      block === undefined ? [this.#denial()] : [{ ...block, op: 'lifted_block' }];
    const value: FrameMessage = {
      lane: 'revoke',
      epoch: head.epoch + dice.pick([0, 0, 0, 1]),
      prevRev: rev - 1,
      rev,
      body: encodeOps(ops),
      keyId: 'key',
      signature: new Uint8Array(),
    };
    nats.forge({ type: 'frame', value, sha256: new Uint8Array(32), verdict: 'forged' });
  }

  #stepClock(): void {
    const stepMs = this.#dice.pick([-3_600_000, -30_000, 0, 30_000, 3_600_000, 31_536_000_000]);
    if (this.#dice.chance(0.5)) this.#dice.pick(this.#world.replicas).wallMs = stepMs;
    else this.#dice.pick(this.#world.edges).wallMs = this.#dice.pick([-30_000, 0, 30_000]);
  }

  #provisional(): void {
    const { database, replicas, oracle, timeline } = this.#world;
    const replica = this.#dice.pick(replicas);
    if (!replica.up || replica.paused || database.up || replica.wallMs !== 0) return;
    this.#count += 1;
    const id = `provisional-${this.#count}`;
    const op = this.#denial();
    if (op.op === 'generation') return;
    const { issuedAtMs, expiresAtMs } = replica.provisional(id, [op]);
    oracle.broadcast(id, op, timeline.nowMs + expiresAtMs - issuedAtMs - 1_000);
  }

  #writeNewer(): void {
    const { database } = this.#world;
    if (!database.up) return;
    const id = this.#dice.pick(newerRows);
    const gone = this.#dice.chance(0.5);
    database.commit('directory', [gone ? { op: 'deleted_user', id } : this.#user(id)]);
    this.#wake();
  }

  /** Memory goes bad, or a fault of ours: only the digests show it. */
  #corruptRows(): void {
    const edge = this.#dice.pick(this.#world.edges);
    const shell = edge.shells.at(1);
    if (shell === undefined || shell.state.head === null) return;
    this.#world.oracle.spoilt.add(`${edge.name} ${shell.lane}`);
    shell.rows.apply([this.#user('nobody')]);
  }

  #user(id: string): ModelOp {
    this.#count += 1;
    const email = `${id}@${this.#count}.example`;
    return {
      op: 'user',
      id,
      email,
      displayName: '',
      status: 'active',
      groups: [],
      employment: null,
    };
  }

  #cutDatabase(): void {
    const replica = this.#dice.pick(this.#world.replicas);
    replica.databaseCut = !replica.databaseCut;
  }

  /**
   * An undeclared restore shows by comparing an edge's proof with the log. Where that cannot be read
   * the protocol makes no promise about what was lost, so the two do not go together here.
   */
  #hideHistory(action: () => void): void {
    if (this.#world.oracle.silentlyRestored) return;
    this.#historyHidden = true;
    action();
  }
}

interface Action {
  readonly weight: number;
  readonly run: () => void;
}

/** Users that an edge of an older version cannot read. */
const newerRows: readonly string[] = ['newer-1', 'newer-2'];
