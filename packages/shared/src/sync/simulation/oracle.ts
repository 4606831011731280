import type { Lane, Position, RevokeOp } from '../../state/model.ts';
import { blockKey, denialKey, isDenial } from '../denials.ts';
import type { AlarmName } from '../edge-lane-model.ts';
import { comparePositions } from '../position.ts';
import { type Database, type ModelLane, modelLanes, type Revision } from './database.ts';
import { budgetMs, type Edge, type Session, type Watcher } from './edge.ts';
import { type EdgeShell, revokeOps } from './edge-shell.ts';
import { isRevokeOp, type ModelOp } from './model-rows.ts';

/** An invariant does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** One denial, and the sessions that it ends. */
interface Revocation {
  readonly key: string;
  readonly op: RevokeOp;
  /** A block also ends those that are born later. */
  readonly sessions: readonly Session[];
  /** null: broadcast only, or its commit was lost. */
  committedAtMs: number | null;
  lifted: boolean;
  /** Its commit was lost at some time. */
  lost: boolean;
}

/** Delivery, reading and clocks may make a state look so much newer than it is. */
const budgetSlackMs = 2_500;
const sessionsPerRevocation = 4;

/** Knows everything, and says when an edge or a replica does what must not be. */
export class Oracle implements Watcher {
  readonly alarms = new Map<AlarmName, number>();
  sessions: readonly Session[] = [];
  /** History was lost and nobody was told: rows may be mixed until it is noticed. */
  silentlyRestored = false;
  /** Edges' lanes whose rows were spoilt on purpose. */
  readonly spoilt = new Set<string>();
  readonly #nowMs: () => number;
  readonly #note: (text: string) => void;
  readonly #revocations = new Map<string, Revocation>();
  readonly #enforced = new Map<string, Set<Revocation>>();
  /** What edges had enforced before they lost their rows. */
  readonly #forgotten = new Map<string, Set<Revocation>>();
  /** What edges enforce ahead of its turn. */
  readonly #early = new Map<string, Set<Revocation>>();
  readonly #digests = new Map<string, Set<string>>();
  readonly #heads = new Map<string, Position>();
  readonly #provisionals = new Map<string, { key: string; untilMs: number }>();
  readonly #held = new Map<Edge, { revocation: Revocation; untilMs: number; life: unknown }[]>();

  constructor(nowMs: () => number, note: (text: string) => void) {
    this.#nowMs = nowMs;
    this.#note = note;
  }

  /** A commit: new denials, lifts, and the rows that this position has. */
  committed(database: Database, lane: ModelLane, { frame, ops }: Revision): void {
    this.#note(`commit ${at(lane, frame)} ${describe(ops)}`);
    this.#rememberRows(database, lane, frame);
    for (const op of ops) {
      if (op.op === 'lifted_block') this.#lifted(blockKey(op));
      else if (isRevokeOp(op) && isDenial(op)) {
        this.#revocation(denialName(op), op).committedAtMs = this.#nowMs();
      }
    }
  }

  lost(revisions: readonly Revision[]): void {
    for (const op of revisions.flatMap(({ ops }) => ops)) {
      if (!isRevokeOp(op) || !isDenial(op)) continue;
      const revocation = this.#revocations.get(denialName(op));
      if (revocation === undefined) continue;
      revocation.committedAtMs = null;
      revocation.lost = true;
    }
  }

  /** The rows that every lane's history begins with. */
  raised(database: Database): void {
    for (const lane of modelLanes) {
      this.#note(`begins ${at(lane, database.head(lane))}`);
      this.#rememberRows(database, lane, database.head(lane));
    }
  }

  broadcast(id: string, op: RevokeOp, untilMs: number): void {
    if (!isDenial(op)) return;
    this.#revocation(denialName(op), op);
    this.#provisionals.set(id, { key: denialName(op), untilMs });
  }

  /**
   * Without rows it denies everything, until it is sent what the control plane has: what is lost
   * there, too, nobody knows any more.
   */
  started(edge: Edge): void {
    if (edge.revoke.state.head !== null) return;
    const early = edge.disk.early.flatMap(({ frame }) => revokeOps(frame.body));
    const kept = new Set([...edge.disk.carried.denials, ...early].map((op) => denialName(op)));
    const enforced = [...(this.#enforced.get(edge.name) ?? [])];
    this.#forgotten.set(edge.name, new Set(enforced.filter(({ key }) => !kept.has(key))));
  }

  applied(edge: Edge, shell: EdgeShell, head: Position, ops: readonly ModelOp[]): void {
    this.#moved(edge, shell, head, true);
    if (shell.lane !== 'revoke') return;
    this.check(edge);
    const keys = ops.filter((op) => isRevokeOp(op)).filter((op) => isDenial(op));
    edge.later(2, () =>
      this.#enforce(
        edge,
        keys.map((op) => denialName(op)),
      ),
    );
  }

  swapped(edge: Edge, shell: EdgeShell, head: Position): void {
    this.#moved(edge, shell, head, false);
    if (shell.lane !== 'revoke') return;
    this.check(edge);
    const rows = shell.rows.ops().filter((op) => isRevokeOp(op));
    const keys = rows.filter((op) => isDenial(op)).map((op) => denialName(op));
    edge.later(2, () => this.#enforce(edge, keys));
  }

  carriedChanged(edge: Edge): void {
    this.check(edge);
  }

  early(edge: Edge, ops: readonly RevokeOp[]): void {
    const early = this.#early.get(edge.name) ?? new Set();
    this.#early.set(edge.name, early);
    for (const op of ops) {
      const revocation = this.#revocations.get(denialName(op));
      if (revocation === undefined) continue;
      early.add(revocation);
      this.#forgotten.get(edge.name)?.delete(revocation);
    }
    this.check(edge);
  }

  provisional(edge: Edge, id: string): void {
    const provisional = this.#provisionals.get(id);
    const revocation = this.#revocations.get(provisional?.key ?? '');
    if (provisional === undefined || revocation === undefined) return;
    this.#note(`${edge.name} enforces provisional ${id}`);
    const held = this.#held.get(edge) ?? [];
    held.push({ revocation, untilMs: provisional.untilMs, life: edge.shells });
    this.#held.set(edge, held);
  }

  alarm(edge: Edge, lane: ModelLane, name: AlarmName, detail: string): void {
    this.#note(`${edge.name} ${lane} alarm ${name}: ${detail}`);
    this.alarms.set(name, (this.alarms.get(name) ?? 0) + 1);
  }

  /** No permit for what this edge has enforced, until it is lifted. */
  check(edge: Edge): void {
    const forgotten = this.#forgotten.get(edge.name);
    const isGone = (one: Revocation) => one.lifted || (one.lost && forgotten?.has(one) === true);
    for (const revocation of this.#enforced.get(edge.name) ?? []) {
      if (!isGone(revocation)) this.#mustDeny(edge, revocation, 'enforced before');
    }
    // After a restore that nobody noticed, another frame may have had that position.
    const early = this.silentlyRestored ? [] : (this.#early.get(edge.name) ?? []);
    for (const revocation of early) {
      if (!isGone(revocation)) this.#mustDeny(edge, revocation, 'enforced early');
    }
    for (const { revocation, untilMs, life } of this.#held.get(edge) ?? []) {
      const holds = life === edge.shells && this.#nowMs() < untilMs && !revocation.lifted;
      if (holds) this.#mustDeny(edge, revocation, 'provisional');
    }
  }

  /** A cut-off edge denies by its budget: what was committed before it is enforced, or all denied. */
  checkBudget(edge: Edge): void {
    const beforeMs = this.#nowMs() - budgetMs - budgetSlackMs;
    if (edge.isStale()) return;
    for (const revocation of this.#revocations.values()) {
      const { committedAtMs, lifted } = revocation;
      if (committedAtMs === null || lifted || committedAtMs > beforeMs) continue;
      this.#mustDeny(edge, revocation, `committed at ${committedAtMs}`);
    }
  }

  #enforce(edge: Edge, keys: readonly string[]): void {
    const enforced = this.#enforced.get(edge.name) ?? new Set();
    this.#enforced.set(edge.name, enforced);
    for (const key of keys) {
      const revocation = this.#revocations.get(key);
      if (revocation === undefined) continue;
      enforced.add(revocation);
      this.#forgotten.get(edge.name)?.delete(revocation);
    }
    this.check(edge);
  }

  #mustDeny(edge: Edge, { key, op, sessions }: Revocation, why: string): void {
    const ended = op.op === 'block' ? this.#endedBy(op) : sessions;
    const permitted = ended.find((session) => !edge.deniesByRows(session));
    if (permitted === undefined) return;
    throw new Violation(`${edge.name} permits ${permitted.sid} in spite of ${key}, ${why}`);
  }

  #endedBy(op: RevokeOp): Session[] {
    return this.sessions.filter((one) => endsSession(op, one)).slice(-sessionsPerRevocation);
  }

  /** Positions only rise, one after the other by frames; rows are those of the history. */
  #moved(edge: Edge, { lane, rows }: EdgeShell, head: Position, byFrame: boolean): void {
    const name = `${edge.name} ${lane}`;
    const before = this.#heads.get(name) ?? null;
    this.#note(`${name} at ${at(lane, head)} by ${byFrame ? 'frame' : 'shards'}`);
    if (before !== null) {
      const next = before.epoch === head.epoch && before.rev + 1 === head.rev;
      if (byFrame ? !next : comparePositions(head, before) < 0) {
        throw new Violation(`${name} goes from ${at(lane, before)} to ${at(lane, head)}`);
      }
    }
    this.#heads.set(name, head);
    const digest = Buffer.from(rows.digest()).toString('hex');
    const known = !this.silentlyRestored && !this.spoilt.has(name);
    if (known && this.#digests.get(at(lane, head))?.has(digest) !== true) {
      throw new Violation(`${name} has other rows at ${at(lane, head)} than its history`);
    }
  }

  #revocation(key: string, op: RevokeOp): Revocation {
    const known = this.#revocations.get(key);
    if (known !== undefined) return known;
    const made = {
      key,
      op,
      sessions: this.#endedBy(op),
      committedAtMs: null,
      lifted: false,
      lost: false,
    };
    this.#revocations.set(key, made);
    return made;
  }

  #lifted(key: string): void {
    const revocation = this.#revocations.get(key);
    if (revocation !== undefined) revocation.lifted = true;
  }

  #rememberRows(database: Database, lane: ModelLane, position: Position): void {
    const key = at(lane, position);
    const digests = this.#digests.get(key) ?? new Set();
    digests.add(Buffer.from(database.rows(lane).digest()).toString('hex'));
    this.#digests.set(key, digests);
  }
}

function endsSession(op: RevokeOp, session: Session): boolean {
  switch (op.op) {
    case 'block':
      return op.subjectId === session.user;
    case 'ended_session':
      return op.sid === session.sid;
    case 'generation':
      return op.scope === 'global'
        ? session.globalGeneration < op.value
        : op.subjectId === session.user && session.userGeneration < op.value;
    case 'lifted_block':
    case 'forgotten_session':
      return false;
  }
}

/** A generation that rises again is another denial. */
function denialName(op: RevokeOp): string {
  if (!isDenial(op)) return '';
  return op.op === 'generation' ? `${denialKey(op)}\0${op.value}` : denialKey(op);
}

export function at(lane: Lane, { epoch, rev }: Position): string {
  return `${lane} (${epoch}, ${rev})`;
}

function describe(ops: readonly ModelOp[]): string {
  return JSON.stringify(ops).slice(0, 160);
}
