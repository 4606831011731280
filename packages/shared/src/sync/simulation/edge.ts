import type { Position, RevokeOp } from '../../state/model.ts';
import { CarriedDenials } from '../carried-denials.ts';
import type { AlarmName, StreamPath } from '../edge-lane-model.ts';
import type { FrameMessage } from '../messages.ts';
import { comparePositions } from '../position.ts';
import { bodySha256 } from '../signing.ts';
import type { ModelLane } from './database.ts';
import { EdgeDisk } from './edge-disk.ts';
import { EdgeShell, revokeOps } from './edge-shell.ts';
import { generationKey, type ModelOp, ModelRows } from './model-rows.ts';
import type { Dice } from './random.ts';
import type { Broadcast } from './stream.ts';
import type { Timeline } from './timeline.ts';

/** A session as its statement has it. */
export interface Session {
  readonly sid: string;
  readonly user: string;
  readonly globalGeneration: number;
  readonly userGeneration: number;
  /** Keys of the rows that speak of it. */
  readonly endedKey: string;
  readonly generationKey: string;
}

/** Who looks on and checks the invariants. */
export interface Watcher {
  /** With what its disk gave. */
  started(edge: Edge): void;
  /** Called before the machine hears of it. */
  applied(edge: Edge, shell: EdgeShell, head: Position, ops: readonly ModelOp[]): void;
  swapped(edge: Edge, shell: EdgeShell, head: Position): void;
  carriedChanged(edge: Edge): void;
  early(edge: Edge, ops: readonly RevokeOp[]): void;
  provisional(edge: Edge, id: string): void;
  alarm(edge: Edge, lane: ModelLane, name: AlarmName, detail: string): void;
}

/** How an edge reaches the rest. */
export interface EdgeNetwork {
  /** null: the attempt fails. `opened` comes later, or never. */
  connect(edge: Edge, shell: EdgeShell, path: StreamPath, target: number): void;
  readonly targets: number;
  subscribe(edge: Edge, listener: (message: Broadcast) => void): void;
  unsubscribe(edge: Edge): void;
}

/** What an edge may be made to do wrong, to see whether it is found out. */
export type Sabotage =
  | 'forget_journal'
  | 'lift_early'
  | 'believe_forged'
  | 'skip_gaps'
  | 'carry_nothing'
  | 'forget_early'
  | 'tell_no_end';

/** Past this age of its state an edge denies everything. */
export const budgetMs = 5_000;
const tickMs = 250;
const reportMs = 5_000;

/** One edge: a process with a disk that outlives it. */
export class Edge {
  readonly name: string;
  up = false;
  /** The process stands still: it decides nothing, and what comes waits for it. */
  frozen = false;
  wallMs = 0;
  /** Of an older version: it cannot read every row. */
  readonly old: boolean;
  readonly disk = new EdgeDisk();
  readonly dice: Dice;
  readonly watcher: Watcher;
  readonly sabotage: Sabotage | null;
  carried = new CarriedDenials();
  carriedRows = new ModelRows('set');
  shells: readonly EdgeShell[] = [];
  readonly #timeline: Timeline;
  readonly #network: EdgeNetwork;
  readonly #targets = new Map<string, number>();
  #waiting: (() => void)[] = [];
  /** Whether the last list of blocks that was told was of none. */
  #toldNone = false;
  #carriedChanges = 0;
  readonly #paths: Readonly<Record<ModelLane, readonly StreamPath[]>>;
  #life = 0;

  constructor(parts: {
    readonly name: string;
    readonly old: boolean;
    readonly standby: boolean;
    readonly dice: Dice;
    readonly timeline: Timeline;
    readonly network: EdgeNetwork;
    readonly watcher: Watcher;
    readonly sabotage: Sabotage | null;
  }) {
    this.name = parts.name;
    this.old = parts.old;
    this.dice = parts.dice;
    this.watcher = parts.watcher;
    this.sabotage = parts.sabotage;
    this.#timeline = parts.timeline;
    this.#network = parts.network;
    this.#paths = {
      revoke: parts.standby ? ['grpc', 'standby'] : ['grpc'],
      directory: ['grpc'],
    };
  }

  get nowMs(): number {
    return this.#timeline.nowMs;
  }

  get wallNowMs(): number {
    return this.nowMs + this.wallMs;
  }

  get revoke(): EdgeShell {
    const [shell] = this.shells;
    if (shell === undefined) throw new Error(`${this.name} is down`);
    return shell;
  }

  start(): void {
    this.up = true;
    this.#life += 1;
    this.carried = new CarriedDenials();
    this.carriedRows = new ModelRows('set');
    this.#toldNone = false;
    this.#carriedChanges = 0;
    this.shells = [new EdgeShell(this, 'revoke'), new EdgeShell(this, 'directory')];
    this.#restore();
    this.watcher.started(this);
    for (const shell of this.shells) {
      for (const path of this.#paths[shell.lane]) this.#open(shell, path, this.dice.int(0, 50));
    }
    this.#network.subscribe(this, (message) => this.#fromNats(message));
    const life = this.#life;
    this.#timeline.every(this.dice.int(1, tickMs), tickMs, () => {
      if (!this.up || this.#life !== life) return false;
      if (!this.frozen) this.#tick();
      return true;
    });
    this.#timeline.every(reportMs, reportMs, () => {
      if (!this.up || this.#life !== life) return false;
      if (!this.frozen) this.reportCarried(false);
      return true;
    });
  }

  crash(): void {
    this.up = false;
    this.frozen = false;
    this.#waiting = [];
    this.#network.unsubscribe(this);
    for (const { streams } of this.shells)
      for (const stream of streams.values()) stream.closeByEdge();
    this.shells = [];
  }

  /** Unless the process ends before. */
  later(delayMs: number, action: () => void): void {
    if (delayMs === 0) return action();
    const life = this.#life;
    this.#timeline.after(delayMs, () => {
      if (this.up && this.#life === life) this.awake(action);
    });
  }

  /** Now, or when the process goes on. */
  awake(action: () => void): void {
    if (this.frozen) this.#waiting.push(action);
    else action();
  }

  /** The process goes on: its timers first, or what waited in its buffers. */
  thaw(): void {
    if (!this.frozen) return;
    this.frozen = false;
    if (this.dice.chance(0.5)) this.#tick();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const action of waiting) action();
  }

  /** Brings the table of what is carried to what it should hold, on disk first. */
  carry(ops: readonly RevokeOp[]): void {
    this.disk.carried = this.carried.carried();
    if (ops.length > 0) {
      this.carriedRows.apply(ops);
      if (this.up && this.shells.length > 0) this.watcher.carriedChanged(this);
    }
    if (this.carried.carriedChanges === this.#carriedChanges) return;
    this.#carriedChanges = this.carried.carriedChanges;
    this.reportCarried(false);
  }

  /** On disk first, as what is carried. */
  enforceEarly(frame: FrameMessage, ops: readonly RevokeOp[]): void {
    const sha256 = bodySha256(frame.body);
    this.disk.early = [...this.disk.early, { frame, sha256 }];
    this.carry(this.carried.early(frame, ops));
    this.watcher.early(this, ops);
  }

  dropEarly(upTo: Position, carry: boolean): void {
    this.disk.early = this.disk.early.filter(({ frame }) => comparePositions(frame, upTo) > 0);
    this.carry(this.carried.reached(upTo, carry));
    if (carry) this.arrived(upTo.epoch);
  }

  /** What is carried and stands in the rows needs no carrying. */
  arrived(epoch: number): void {
    const { rows } = this.revoke;
    this.carry(this.carried.arrived((denial) => rows.holds(denial), epoch));
  }

  /** What is enforced beside the rows, all at once. */
  #restore(): void {
    if (this.sabotage === 'forget_early') this.disk.early = [];
    const { denials, epoch } = this.disk.carried;
    const carried = this.carried.carry(denials, epoch);
    const early = this.disk.early.flatMap(({ frame }) =>
      this.carried.early(frame, revokeOps(frame.body)),
    );
    this.carry([...carried, ...early]);
    const { head } = this.revoke.state;
    if (head === null) return;
    this.dropEarly(head, true);
    this.arrived(head.epoch);
  }

  /**
   * Which blocks are carried, whenever that changes. That there are none is told once: after there
   * were some, and with `anew`, to a replica that may have heard of some.
   */
  reportCarried(anew: boolean): void {
    if (this.shells.length === 0) return;
    const { state, streams } = this.revoke;
    if (state.head === null || state.paths.grpc.phase.kind !== 'tail') return;
    const blocks = this.carried.blocks();
    const none = blocks.length === 0;
    if (none && ((this.#toldNone && !anew) || this.sabotage === 'tell_no_end')) return;
    this.#toldNone = none;
    streams.get('grpc')?.toReplica({ type: 'carried', blocks });
  }

  endStream(shell: EdgeShell, path: StreamPath, next: boolean): void {
    shell.streams.get(path)?.closeByEdge();
    this.streamEnded(shell, path, next);
  }

  streamEnded(shell: EdgeShell, path: StreamPath, next: boolean): void {
    if (!this.shells.includes(shell)) return;
    if (shell.streams.has(path)) shell.closed(path);
    if (next) this.#targets.set(key(shell, path), this.#target(shell, path) + 1);
    this.#open(shell, path, this.dice.int(20, 400));
  }

  reads(ops: readonly ModelOp[]): boolean {
    return !this.old || !ops.some((op) => op.op === 'user' && op.id.startsWith('newer'));
  }

  /** Whether a request with this session is refused here and now. */
  denies(session: Session): boolean {
    return this.isStale() || this.deniesByRows(session);
  }

  /** The same, had the state no age. */
  deniesByRows(session: Session): boolean {
    const { state, rows } = this.revoke;
    if (state.head === null) return true;
    if (this.#generation(globalKey) !== session.globalGeneration) return true;
    if (this.#generation(session.generationKey) !== session.userGeneration) return true;
    const tables = [rows, this.carriedRows];
    return tables.some((one) => one.get(session.endedKey) !== null || one.blocks(session.user));
  }

  isStale(): boolean {
    const { asOfMs } = this.revoke.state;
    return asOfMs === null || this.nowMs - asOfMs > budgetMs;
  }

  #generation(key: string): number {
    return Math.max(generationAt(this.revoke.rows, key), generationAt(this.carriedRows, key));
  }

  #tick(): void {
    for (const shell of this.shells) shell.feed({ type: 'tick', missedMs: 0, unread: [] });
  }

  #fromNats(message: Broadcast): void {
    this.awake(() => {
      for (const shell of this.shells) shell.fromAnywhere('nats', message);
    });
  }

  #open(shell: EdgeShell, path: StreamPath, delayMs: number): void {
    this.later(Math.max(1, delayMs), () => {
      if (shell.streams.has(path) || !this.shells.includes(shell)) return;
      this.#network.connect(this, shell, path, this.#target(shell, path));
    });
  }

  /** The standby stream goes to another replica than the first one. */
  #target(shell: EdgeShell, path: StreamPath): number {
    const { targets } = this.#network;
    const first = this.#targets.get(key(shell, 'grpc')) ?? 0;
    if (path === 'grpc') return first % targets;
    return (first + 1 + ((this.#targets.get(key(shell, path)) ?? 0) % (targets - 1))) % targets;
  }
}

function key({ lane }: EdgeShell, path: StreamPath): string {
  return `${lane} ${path}`;
}

const globalKey = generationKey('global', '');

function generationAt(rows: ModelRows, key: string): number {
  const row = rows.get(key);
  return row?.op === 'generation' ? row.value : 1;
}
