import type { StreamPath } from '../edge-lane-model.ts';
import { comparePositions, samePosition } from '../position.ts';
import { Database, modelLanes } from './database.ts';
import { Edge, type EdgeNetwork, type Sabotage } from './edge.ts';
import type { EdgeShell } from './edge-shell.ts';
import { Nats } from './nats.ts';
import { at, Oracle, Violation } from './oracle.ts';
import { Dice } from './random.ts';
import { Replica } from './replica.ts';
import type { ReplicaSession } from './replica-session.ts';
import { type Broadcast, type Down, Stream } from './stream.ts';
import { Timeline } from './timeline.ts';

export interface WorldSize {
  readonly edges: number;
  readonly replicas: number;
  /** Without it, a standby stream is the second path. */
  readonly nats: boolean;
}

const connectMs = 1_000;
/** What a replica may hold for one stream, as JSON. */
const sessionBytesMax = 4_096;

/** One database, some replicas, some edges, and what lies between them. */
export class World implements EdgeNetwork {
  readonly timeline = new Timeline();
  readonly dice: Dice;
  readonly database: Database;
  readonly nats: Nats;
  readonly replicas: readonly Replica[];
  readonly edges: readonly Edge[];
  readonly oracle: Oracle;
  readonly #cuts = new Set<string>();
  #checks = 0;
  readonly #streams = new Set<{
    readonly stream: Stream;
    readonly session: ReplicaSession;
    readonly edge: Edge;
    readonly path: StreamPath;
  }>();

  constructor(
    seed: number,
    size: WorldSize & { readonly sabotage: Sabotage | null },
    note: (text: string) => void,
  ) {
    this.dice = new Dice(seed);
    const nowMs = () => this.timeline.nowMs;
    this.oracle = new Oracle(nowMs, (text) => note(`${nowMs()} ${text}`));
    this.database = new Database({
      nowMs,
      onCommit: (lane, revision) => this.oracle.committed(this.database, lane, revision),
      onRaise: () => this.oracle.raised(this.database),
    });
    this.oracle.raised(this.database);
    this.nats = new Nats(this.timeline, this.dice);
    this.nats.up = size.nats;
    this.replicas = Array.from(
      { length: size.replicas },
      (_, at) => new Replica(`replica-${at}`, this.timeline, this.database, this.nats),
    );
    this.edges = Array.from(
      { length: size.edges },
      (_, at) =>
        new Edge({
          name: `edge-${at}`,
          old: this.dice.chance(0.2),
          standby: !size.nats,
          dice: this.dice,
          timeline: this.timeline,
          network: this,
          watcher: this.oracle,
          sabotage: size.sabotage,
        }),
    );
    for (const replica of this.replicas) replica.start(this.dice.int(1, 250));
    for (const edge of this.edges) edge.start();
  }

  get targets(): number {
    return this.replicas.length;
  }

  connect(edge: Edge, shell: EdgeShell, path: StreamPath, target: number): void {
    const replica = this.replicas[target];
    if (replica === undefined) throw new RangeError(`no replica ${target}`);
    const baseMs = this.dice.pick([1, 2, 5, 20, 80]);
    const fail = (afterMs: number) =>
      edge.later(afterMs, () => edge.streamEnded(shell, path, true));
    if (this.isCut(edge, replica)) return fail(connectMs);
    if (!replica.up) return fail(baseMs);
    edge.later(baseMs * 2, () => {
      if (!replica.up || this.isCut(edge, replica)) return fail(baseMs);
      const stream: Stream = new Stream({
        timeline: this.timeline,
        latencyMs: () => baseMs + this.dice.int(0, 3),
        isCut: () => this.isCut(edge, replica),
        edge: {
          receive: (message: Down) => {
            edge.awake(() => {
              if (shell.streams.get(path) === stream) shell.fromStream(path, message);
            });
          },
          closed: () => {
            edge.awake(() => {
              if (shell.streams.get(path) === stream) edge.streamEnded(shell, path, true);
            });
          },
        },
        replica: {
          receive: (message) => session.receive(message),
          closed: () => session.closed(),
        },
      });
      const session = replica.accept(edge.name, shell.lane, () => stream);
      this.#streams.add({ stream, session, edge, path });
      shell.opened(path, stream);
    });
  }

  subscribe(edge: Edge, listener: (message: Broadcast) => void): void {
    this.nats.subscribe(edge.name, listener);
  }

  unsubscribe(edge: Edge): void {
    this.nats.unsubscribe(edge.name);
  }

  isCut(edge: Edge, replica: Replica): boolean {
    return this.#cuts.has(`${edge.name} ${replica.name}`);
  }

  cut(edge: Edge, replica: Replica): void {
    this.#cuts.add(`${edge.name} ${replica.name}`);
  }

  healNetwork(): void {
    this.#cuts.clear();
    for (const { stream } of this.#streams) stream.healed();
  }

  /** What must hold at every instant. */
  check(): void {
    for (const edge of this.edges) {
      if (!edge.up || edge.frozen) continue;
      this.oracle.check(edge);
      this.oracle.checkBudget(edge);
    }
    this.#checks += 1;
    if (this.#checks % 8 !== 0) return;
    for (const entry of this.#streams) {
      if (!entry.stream.open) this.#streams.delete(entry);
      const bytes = JSON.stringify(entry.session.state).length;
      if (bytes > sessionBytesMax) throw new Violation(`${bytes} bytes for one stream`);
    }
  }

  /**
   * Whether a restore that nobody declared keeps edges out: their state is newer than the database,
   * and came as shards, so that nothing proves it. Until somebody declares the restore they deny.
   */
  awaitsDeclaration(): boolean {
    if (!this.oracle.silentlyRestored) return false;
    return this.edges.some(
      (edge) =>
        edge.isStale() &&
        edge.shells.some(
          ({ lane, state: { head, proof } }) =>
            head !== null && proof === null && comparePositions(head, this.database.head(lane)) > 0,
        ),
    );
  }

  /** Why this is not a state of rest; null: it is. */
  unrest(): string | null {
    for (const edge of this.edges) {
      for (const { lane, state, rows } of edge.shells) {
        const head = this.database.head(lane);
        const name = `${edge.name} ${at(lane, state.head ?? { epoch: 0, rev: 0 })}`;
        if (!samePosition(state.head, head)) {
          return `${name} is not at ${at(lane, head)}: ${JSON.stringify(state.paths)}`;
        }
        if (state.mark !== null && comparePositions(state.mark, head) > 0) return `${name}: mark`;
        if (Buffer.compare(rows.digest(), this.database.rows(lane).digest()) !== 0) {
          return `${name} has other rows than the database`;
        }
        if (state.digestAgrees !== true) return `${name}: digest agrees: ${state.digestAgrees}`;
        if (state.ahead.size > 0) return `${name} has frames ahead`;
        // What was broadcast of a lost history is enforced until its position is passed.
        const early = state.early.count > 0 && !this.oracle.silentlyRestored;
        if (early) return `${name} enforces early`;
      }
      const denials = this.oracle.silentlyRestored
        ? edge.carried.blocks().length
        : edge.carriedRows.size;
      if (denials > 0) return `${edge.name} still carries ${edge.carriedRows.size}`;
      if (edge.isStale()) return `${edge.name} is stale`;
    }
    for (const { stream, session, edge, path } of this.#streams) {
      if (!stream.open || session.lane !== 'revoke' || path !== 'grpc') continue;
      const { carried } = session;
      if (carried !== 0) return `${edge.name} has told of ${carried} carried blocks, and has none`;
    }
    return modelLanes.every((lane) => this.database.head(lane).rev >= 0) ? null : 'no head';
  }
}
