import type { SyncResponse } from '@sallyport/proto';
import type { Bus } from '@sallyport/shared/bus/bus';
import type { Clock } from '@sallyport/shared/clock';
import { CoalescingLog } from '@sallyport/shared/coalescing-log';
import type { Log } from '@sallyport/shared/log';
import type { Lane } from '@sallyport/shared/state/model';
import { laneHello } from '@sallyport/shared/sync/edge-lane';
import type { AlarmName, StreamPath } from '@sallyport/shared/sync/edge-lane-model';
import { streamPaths } from '@sallyport/shared/sync/edge-turn';
import type { NackMessage } from '@sallyport/shared/sync/messages';
import { comparePositions } from '@sallyport/shared/sync/position';
import type { ControlChannel } from '../../identity/control-channel.ts';
import type { Delivery, Stage } from '../../worker/distributor.ts';
import type { EdgeState } from '../2-store/edge-state.ts';
import { eachLane, lanes } from '../lanes.ts';
import { monotonicMs, Standstill } from '../monotonic.ts';
import { listenToBus } from './bus-intake.ts';
import { Inbox } from './inbox.ts';
import { LaneBoard } from './lane-board.ts';
import { LaneDriver, type LaneOutlet } from './lane-driver.ts';
import { Reports } from './reports.ts';
import { StateLog } from './state-log.ts';
import { StreamKeeper, type StreamKeeperOptions, type StreamName } from './stream-keeper.ts';
import type { StreamEnd, SyncStream } from './sync-stream.ts';
import { ackMessage, fetchMessage, type HelloFields, helloMessage, nackMessage } from './wire.ts';

export interface SyncEvents {
  onStreamEnd(stream: StreamName, end: StreamEnd): void;
  onRefusal(nack: NackMessage): void;
  onAlarm?(lane: Lane, name: AlarmName): void;
}

export interface SyncClientOptions {
  readonly channel: Pick<ControlChannel, 'connect' | 'targets' | 'address' | 'trouble'>;
  readonly state: EdgeState;
  readonly hello: HelloFields;
  /** The second way; null: there is none, and a second control plane takes its place. */
  readonly bus: Bus | null;
  readonly events: SyncEvents;
  readonly log: Log;
  /** Wall time. */
  readonly clock: Clock;
  /** Of the waits between connections; Math.random by default. */
  readonly random?: () => number;
}

const tickMs = 200;
const reportMs = 5_000;
const carriedMs = 30_000;
/** Of more blocks, each change is told with the next report: the list is long, and nobody waits for it. */
const toldAtOnceMax = 500;
const streams = [
  // A stream, and so a TCP connection, of its own: nothing of the bulk lanes can stand in its way.
  { name: 'revoke', path: 'grpc', lanes: ['revoke'], use: 'revoke' },
  { name: 'bulk', path: 'grpc', lanes: ['config', 'signals', 'directory'], use: 'bulk' },
  // At another control plane than `revoke`, where there is no bus.
  { name: 'standby', path: 'standby', lanes: ['revoke'], use: 'revoke' },
] as const satisfies readonly Pick<StreamKeeperOptions, 'name' | 'path' | 'lanes' | 'use'>[];

/**
 * Keeps the state of an edge in step with the control plane: streams and bus bring it, one machine
 * for each lane judges it, whatever way it came.
 */
export class SyncClient {
  readonly board: LaneBoard = new LaneBoard();
  readonly #options: SyncClientOptions;
  readonly #drivers: Readonly<Record<Lane, LaneDriver>>;
  readonly #inbox: Inbox;
  readonly #reports: Reports;
  readonly #keepers: Readonly<Record<StreamName, StreamKeeper>>;
  readonly #alarms: CoalescingLog;
  readonly #stateLog: StateLog;
  readonly #standstill: Standstill;
  readonly #agreed: Record<Lane, boolean | null> = eachLane(() => null);
  /** Other blocks are carried than was told. */
  #untold = false;
  #timers: NodeJS.Timeout[] = [];
  #leaveBus: () => void = () => undefined;

  constructor(options: SyncClientOptions) {
    const { state, clock } = options;
    this.#standstill = new Standstill(clock);
    this.#options = options;
    this.#stateLog = new StateLog(options.log);
    this.#alarms = new CoalescingLog(options.log, 'sync.alarm', monotonicMs);
    const outlet = this.#outlet();
    this.#drivers = eachLane((lane) => {
      const carried = lane === 'revoke' ? state.carried : null;
      const start = state.start(lane);
      if (start.head !== null) this.board.moved(lane, start.head, 'disk');
      return new LaneDriver({ start, store: state.stores[lane], carried, outlet });
    });
    this.#inbox = new Inbox({
      drivers: this.#drivers,
      keys: state.keys,
      onKeys: () => state.saveKeys(),
      onAlarm: (name, path, detail) => outlet.alarm('revoke', name, path, detail),
      clock,
    });
    this.#reports = new Reports({
      drivers: this.#drivers,
      board: this.board,
      ages: state.tables.ages,
      carried: state.carried,
    });
    const [revoke, bulk, standby] = streams.map((stream) => this.#keeper(stream));
    if (revoke === undefined || bulk === undefined || standby === undefined) throw new Error();
    this.#keepers = { revoke, bulk, standby };
    state.onCarried = () => {
      const { blockCount } = state.carried;
      this.#stateLog.carried(blockCount);
      if (blockCount <= toldAtOnceMax) this.#tellCarried();
      else this.#untold = true;
    };
  }

  start(): void {
    const { bus, channel } = this.#options;
    if (bus !== null) this.#leaveBus = listenToBus(bus, this.#inbox);
    this.#timers = [
      setInterval(() => this.#tick(), tickMs),
      setInterval(() => {
        this.#report(lanes);
        if (this.#untold) this.#tellCarried();
      }, reportMs),
      // What was told may have got lost on its way into the database.
      setInterval(() => this.#tellCarried(), carriedMs),
    ];
    this.#keepers.standby.want(this.#wantsStandby());
    this.#keepers.revoke.start();
    this.#keepers.bulk.start();
    if (channel.targets > 1) this.#keepers.standby.start();
  }

  async stop(): Promise<void> {
    this.#leaveBus();
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(Object.values(this.#keepers).map((keeper) => keeper.stop()));
    await this.#inbox.settled(lanes);
  }

  /** Opens all streams anew, with their positions: with renewed credentials. */
  reconnect(): void {
    for (const keeper of Object.values(this.#keepers)) keeper.reconnect();
  }

  /** Whether the stream is open and brings all of its lanes. */
  connected(name: StreamName): boolean {
    const { stream, lanes: carried } = this.#keepers[name];
    const path = name === 'standby' ? 'standby' : 'grpc';
    return stream !== null && carried.every((lane) => this.#follows(lane, path));
  }

  /** Whether a control plane answers: has said on an open stream how some lane goes on. */
  get answered(): boolean {
    return streams.some(({ name, path, lanes: carried }) =>
      carried.some((lane) => {
        const { kind } = this.#drivers[lane].state.paths[path].phase;
        return this.#keepers[name].stream !== null && kind !== 'closed' && kind !== 'greeting';
      }),
    );
  }

  /** Whether the last digest that could be compared was ours; null: none could. */
  digestAgrees(lane: Lane): boolean | null {
    return this.#drivers[lane].state.digestAgrees;
  }

  /** To be called when the workers have reached a stage. */
  onStage(stage: Stage, delivery: Delivery): void {
    // Nothing that was called enforced may be forgotten by a restart.
    const forgettable = stage === 'enforced' && delivery.lane === 'revoke';
    const stored = forgettable ? this.#options.state.disk.pending('revoke') : null;
    if (stored === null) this.#reached(stage, delivery);
    else void stored.then(() => this.#reached(stage, delivery));
  }

  #reached(stage: Stage, delivery: Delivery): void {
    const { lane, position, path } = delivery;
    const before = this.board.get(lane)[stage];
    if (before !== null && comparePositions(before.position, position) > 0) return;
    this.board.set(lane, { [stage]: delivery });
    this.#acknowledge('grpc', stage, delivery);
    if (path === 'standby') this.#acknowledge('standby', stage, delivery);
  }

  /** On a stream that does not follow the lane it would not count; it is repeated when it does. */
  #acknowledge(path: StreamPath, stage: Stage, delivery: Delivery): void {
    const { lane } = delivery;
    if (!this.#follows(lane, path)) return;
    this.#stream(path, lane)?.up.tell(`${stage}:${lane}`, ackMessage(stage, delivery));
  }

  #follows(lane: Lane, path: StreamPath): boolean {
    return this.#drivers[lane].state.paths[path].phase.kind === 'tail';
  }

  #stream(path: StreamPath, lane: Lane): SyncStream | null {
    if (path === 'standby') return lane === 'revoke' ? this.#keepers.standby.stream : null;
    return this.#keepers[lane === 'revoke' ? 'revoke' : 'bulk'].stream;
  }

  #outlet(): LaneOutlet {
    const { events, state } = this.#options;
    return {
      hello: (path, have) =>
        this.#stream(path, have.lane)?.up.say(helloMessage(this.#options.hello, [have])),
      fetch: (path, fetch) => this.#stream(path, fetch.lane)?.up.say(fetchMessage(fetch)),
      nack: (path, nack) => {
        this.board.alarm(nack.lane, `refused_${nack.code.toLowerCase()}`);
        events.onRefusal(nack);
        const { lane } = nack;
        const stream = this.#stream(path ?? 'grpc', lane) ?? this.#stream('standby', lane);
        stream?.refuse(nackMessage(nack));
      },
      endPath: (path, lane, reason, next) => this.#stream(path, lane)?.end(reason, lane, next),
      repeatAcks: (path, lane) => {
        for (const stage of ['applied', 'enforced'] as const) {
          const delivery = this.board.get(lane)[stage];
          const { head } = this.#drivers[lane].state;
          if (delivery === null || delivery.position.epoch !== head?.epoch) continue;
          this.#acknowledge(path, stage, { ...delivery, arrivedAtMs: monotonicMs() });
        }
        if (lane === 'revoke' && path === 'grpc') this.#tellCarried(true);
      },
      repeatRefusal: (path, lane) => {
        // In the line, which goes before acknowledgements: one of a later position clears it.
        const refusal = state.refusal(lane);
        if (refusal !== null) this.#stream(path, lane)?.up.say(nackMessage(refusal));
      },
      asOf: (lane, asOfMs) => state.asOf(lane, asOfMs),
      alarm: (lane, name, path, detail) => {
        this.board.alarm(lane, name);
        events.onAlarm?.(lane, name);
        // Of a name and a way, of which there are few: details are what others chose.
        this.#alarms.note(`${name} ${path}`, { lane, name, path, detail });
      },
      moved: (lane, position, path) => {
        this.#stateLog.moved(lane, this.board.get(lane).taken, position, path);
        this.board.moved(lane, position, path);
      },
    };
  }

  #keeper(stream: (typeof streams)[number]): StreamKeeper {
    const { channel, hello, events, log, random = Math.random } = this.#options;
    const { name, path } = stream;
    const carried: readonly Lane[] = stream.lanes;
    const each = (type: 'opened' | 'closed') => {
      for (const lane of carried) this.#drivers[lane].dispatch({ type, path });
    };
    return new StreamKeeper({
      ...stream,
      channel,
      hello: () =>
        helloMessage(
          hello,
          carried.map((lane) => laneHello(this.#drivers[lane].state)),
        ),
      onOpened: () => each('opened'),
      onClosed: () => each('closed'),
      take: (message) => this.#take(message, stream, carried),
      onEnd: (end) => events.onStreamEnd(name, end),
      avoid: () => (name === 'standby' ? this.#keepers.revoke.target : null),
      log,
      random,
    });
  }

  async #take(
    message: SyncResponse,
    { name, path }: (typeof streams)[number],
    carried: readonly Lane[],
  ): Promise<boolean> {
    const read = this.#inbox.take(message, path, carried);
    if (message.message.case === 'resume') this.#resumed(name, path, carried);
    await this.#inbox.settled(carried);
    return read;
  }

  /** Tells the log how the lanes go on, once the control plane has answered for all of them. */
  #resumed(name: StreamName, path: StreamPath, carried: readonly Lane[]): void {
    const phases = carried.map((lane) => this.#drivers[lane].state.paths[path].phase.kind);
    if (phases.includes('greeting') || phases.includes('closed')) return;
    this.#keepers[name].opened(
      Object.fromEntries(carried.map((lane, index) => [lane, phases[index]])),
    );
  }

  #wantsStandby(): boolean {
    const { bus } = this.#options;
    return bus === null || !bus.connected();
  }

  #tick(): void {
    const { standby, revoke } = this.#keepers;
    const missedMs = this.#standstill.missedMs();
    if (missedMs > 0) this.#options.state.tables.ages.setBack(missedMs);
    for (const lane of lanes) {
      const unread = streamPaths.filter((path) => this.#stream(path, lane)?.taking);
      this.#drivers[lane].dispatch({ type: 'tick', missedMs, unread });
    }
    this.#alarms.flush();
    this.#options.state.carried.expire(this.#options.clock());
    standby.want(this.#wantsStandby());
    if (standby.stream !== null && standby.target === revoke.target) standby.reconnect();
    this.#report(lanes.filter((lane) => this.#disagreed(lane)));
  }

  /** Whether what the digests say of the lane has just changed. */
  #disagreed(lane: Lane): boolean {
    const before = this.#agreed[lane];
    this.#agreed[lane] = this.digestAgrees(lane);
    return before !== this.#agreed[lane] && this.#agreed[lane] !== null;
  }

  #report(which: readonly Lane[]): void {
    for (const lane of which) {
      const stream = this.#stream('grpc', lane);
      if (stream !== null) this.#reports.report(lane, stream.up);
    }
  }

  /** `anew`: the stream has just begun to follow the lane. */
  #tellCarried(anew = false): void {
    this.#untold = false;
    const stream = this.#stream('grpc', 'revoke');
    if (stream !== null && this.#follows('revoke', 'grpc')) this.#reports.carried(stream.up, anew);
  }
}
