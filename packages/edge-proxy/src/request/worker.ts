import type { KeyObject } from 'node:crypto';
import type { DeviceFacts } from '@sallyport/policy';
import type { AccessRecord } from '@sallyport/shared/access-record';
import { usualHeaderLimits } from '@sallyport/shared/http/header-limits';
import type { Whereabouts } from '@sallyport/shared/signals/travel';
import { StateBusyError } from '@sallyport/shared/state/tables/reader';
import { userSignals } from '../sightings/last-place.ts';
import { SeenUsers } from '../sightings/seen-users.ts';
import { Sightings } from '../sightings/sightings.ts';
import {
  type CurrentState,
  defaultListener,
  type LiveBundle,
  type RecordRules,
} from '../state/current.ts';
import type { RequestWorker, RequestWorkerOptions } from '../worker/request-worker.ts';
import { noFronts } from './1-listen/fronts.ts';
import { createListener, type Listener } from './1-listen/listener.ts';
import { SlowClients } from './1-listen/slow-clients.ts';
import { CertificateChecks } from './2-device/certificate-checks.ts';
import { deviceFacts } from './2-device/identify.ts';
import { certificateRefusal, standsByPolicy } from './2-device/required.ts';
import { locate } from './3-route/locate.ts';
import { OpenedSessions } from './4-session/opened-sessions.ts';
import { createRecognise } from './4-session/recognise.ts';
import { createJudge } from './5-decide/judge.ts';
import { createRiskOf } from './5-decide/risk-facts.ts';
import { createAssert } from './6-assert/assert.ts';
import { createForward } from './7-forward/forward.ts';
import { createOpenTunnel } from './7-forward/tunnel.ts';
import { Upstreams } from './7-forward/upstream/upstreams.ts';
import { redactRecord } from './8-record/redact.ts';
import { recordRulesOf } from './8-record/rules.ts';
import { ShadowDecisions } from './8-record/shadow.ts';
import { answerPreflight } from './cors/preflight.ts';
import {
  type Answer,
  grow,
  type Identified,
  isAnswer,
  type Located,
  type Received,
} from './exchange.ts';
import { createVerdictListener, type VerdictListener } from './forward-auth/listener.ts';
import { verdictOr } from './forward-auth/verdict.ts';
import { HeaderBudget } from './header-budget.ts';
import { lastGood } from './last-good.ts';
import { Life } from './life.ts';
import { createLimits } from './limits/limits.ts';
import { OpenExchanges } from './open/open-exchanges.ts';
import { Origins } from './origins.ts';
import { createBegin } from './own/begin.ts';
import { createOwn } from './own/stage.ts';
import { createPath, type Stages } from './path.ts';
import { createRespond } from './respond.ts';
import { createNextTraceparent, isSampled, parentOf } from './trace.ts';
import { unready } from './unready.ts';

const sweepMs = 1_000;

/** What a front proxy forwards by itself goes out as it came: it has to be canonical already. */
function locateFor(value: Identified): Located | Answer {
  const located = locate(value);
  const other = !isAnswer(located) && located.path !== value.head.rawPath;
  return other && value.client.permit !== undefined
    ? { kind: 'refused', code: 'path_not_canonical' }
    : located;
}

/** null too where the state does not stand still to be read. */
function lastPlace(state: CurrentState, userId: string, nowMs: number): Whereabouts | null {
  try {
    return userSignals(state.signals('user', userId, nowMs)).last;
  } catch (error) {
    if (error instanceof StateBusyError) return null;
    throw error;
  }
}

/** null: there is none, or none can be had; what is to be hashed is removed then. */
function recordKey(state: CurrentState): KeyObject | null {
  try {
    return state.cookieRing()?.recordKey ?? null;
  } catch {
    return null;
  }
}

/** Puts the request side of one worker together. It serves once `listen` is called. */
export function createRequestWorker(options: RequestWorkerOptions): RequestWorker {
  const { config, state, places, control, log, clock } = options;
  const redacted = (record: AccessRecord, rules: RecordRules): AccessRecord =>
    redactRecord(record, rules, recordKey(state));
  const emitRecord = (record: AccessRecord, rules: RecordRules): void =>
    options.emitRecord(redacted(record, rules));
  const { emitSpan } = options;
  const traced = (value: Received, record: AccessRecord, rules: RecordRules): void => {
    if (!isSampled(value.traceparent)) return;
    const parentId = parentOf(value.head.traceparent);
    emitSpan?.({ record: redacted(record, rules), parentId });
  };
  const origins = new Origins(config.publicPort ?? 443);
  const checks = new CertificateChecks(config.trustDomain);
  const sessions = new OpenedSessions(state);
  const upstreams = new Upstreams(options);

  const identify = (value: Received, bundle: LiveBundle, nowMs: number): DeviceFacts =>
    deviceFacts(state, checks, bundle, value.connection, nowMs);
  const identifyNow = (value: Received): DeviceFacts => {
    const bundle = state.bundle();
    return bundle === null ? { kind: 'none' } : identify(value, bundle, clock());
  };

  const placeOf = ({ connection, sourceAddress, bundle }: Located) =>
    places.placeOf(connection, sourceAddress, bundle.settings.egress).place;
  const users = new SeenUsers();
  const judge = createJudge(state, places, identify, createRiskOf({ state, users }), clock);
  const sightings = new Sightings({
    users,
    placeOf,
    lastPlace: (userId) => lastPlace(state, userId, clock()),
    emit: options.emitSightings,
  });
  const open = new OpenExchanges({
    judgeAgain: (value) => {
      const bundle = state.bundle();
      const stands = bundle !== null && standsByPolicy(bundle, value.head.host, value.connection);
      return stands ? judge.judgeAgain(value) : null;
    },
    cut: (value, cause, decision) => life.cut(value, cause, decision),
  });
  const identifying = { identify: identifyNow, placeOf };
  const ownNeeds = { state, control, sessions, origins, clock, log, ...identifying };
  const respond = createRespond({ beginSignIn: createBegin(ownNeeds), clock });
  /** Also called from within undici, where an exception would end the process. */
  const answer = (value: Received, given: Answer): void => {
    try {
      respond(value, given);
    } catch (error) {
      log.error('answer_failed', { correlationId: value.correlationId, error });
      value.client.breakOff();
    }
  };
  const recorder = { edge: config.edgeId, region: config.region };
  const shadows = new ShadowDecisions({ emitRecord, count: options.countShadow, log });
  const life = new Life({
    recorder,
    emitRecord,
    recordLost: options.recordLost,
    observe: options.observe,
    traced: emitSpan === null ? null : traced,
    recordRules: (value) => recordRulesOf(value, state),
    shadows,
    answer,
    unready: () => unready(state),
    open,
    clock,
    log,
  });

  const limits = createLimits({ buckets: options.buckets, refused: options.countLimited });
  const budget = new HeaderBudget(options.headerSizes);
  const failed = (value: Received, error: unknown): void => {
    if (error instanceof StateBusyError) {
      log.warn('state_busy', { correlationId: value.correlationId });
      answer(value, { kind: 'failed', code: 'state_busy' });
      return;
    }
    log.error('request_failed', { correlationId: value.correlationId, error });
    answer(value, { kind: 'failed', code: 'internal' });
  };
  const stages: Stages = {
    device: (value) => {
      const bundle = state.ready() === true ? state.bundle() : null;
      if (bundle === null) return unready(state);
      const device = identify(value, bundle, clock());
      const refused = certificateRefusal(bundle, value.head.host, device);
      if (refused !== null) return refused;
      return grow(value, { bundle, device });
    },
    route: locateFor,
    own: createOwn(ownNeeds, limits.signIn),
    limitAddress: limits.address,
    // The front proxy could not hand the answer on: a preflight is decided like any other request.
    cors: (value) => (value.client.permit === undefined ? answerPreflight(value) : value),
    session: createRecognise(sessions, clock),
    decide: (value) => {
      const judged = judge.judge(value);
      sightings.note(value);
      if (isAnswer(judged)) return judged;
      const excess = budget.check(judged);
      if (excess !== null) return { kind: 'refused', code: excess.code, excess };
      if (judged.route.records.required && options.recordsFull()) {
        return { kind: 'failed', code: 'audit_unavailable' };
      }
      open.add(judged);
      return judged;
    },
    limitPermitted: limits.permitted,
    assert: createAssert(state, `https://${config.trustDomain}`, clock),
    forward: verdictOr(
      createForward({
        upstreams,
        clock,
        answer,
        openTunnel: createOpenTunnel((value) => life.ended(value)),
        failed,
      }),
    ),
  };
  const path = createPath({
    stages,
    begun: (value) => {
      options.headerSizes.seen(value.head.headerBytes, value.head.cookieBytes);
      life.begin(value);
    },
    answer,
    failed,
    sheds: options.sheds,
    nextTraceparent: createNextTraceparent(config.traceShare),
    fronts: () => state.bundle()?.settings.frontProxies ?? noFronts,
    headerLimits: () => state.bundle()?.settings.headerLimits ?? usualHeaderLimits,
    clock,
  });
  const listener = createListener(state, options.connectionRoom, log, {
    received: path,
    unreadable: (connection, code) => life.unreadable(connection, code),
    unanswerable: (connection, code) => life.unanswerable(connection, code),
    refused: (handshake) => life.refused(handshake),
    closed: (connection) => life.connectionClosed(connection),
    turnedAway: (sourceAddress, code) => life.turnedAway(sourceAddress, code),
  });

  const verdicts = createVerdictListener(state, options.connectionRoom, log, clock, {
    received: path,
    unreadable: (connection, code) => life.unreadable(connection, code),
    unanswerable: (connection, code) => life.unanswerable(connection, code),
    refused: (handshake) => life.refused(handshake),
    closed: (connection) => life.connectionClosed(connection),
  });

  const slow = new SlowClients({
    connections: () => [...listener.connections(), ...verdicts.connections()],
    limits: lastGood(
      () => (state.bundle()?.settings.listener ?? defaultListener).slowClients,
      defaultListener.slowClients,
    ),
    answer,
  });

  const timer = setInterval(() => {
    const nowMs = clock();
    open.sweep(nowMs).catch((error: unknown) => log.error('sweep_failed', { error }));
    try {
      upstreams.sweep(nowMs);
      slow.sweep(performance.now());
    } catch (error) {
      log.error('sweep_failed', { error });
    }
  }, sweepMs);
  timer.unref();

  return {
    listen: async (address) => {
      const port = await listener.listen(address);
      origins.port = config.publicPort ?? port;
      return port;
    },
    listenForVerdicts: (address) => verdicts.listen(address),
    redecide: (change) => open.redecide(change),
    drain: async (deadlineMs) => {
      await drain(listener, verdicts, life, deadlineMs);
      shadows.flush();
      sightings.flush();
      clearInterval(timer);
      await upstreams.destroy();
    },
    openExchanges: () => life.active,
    openConnections: () => listener.openConnections() + verdicts.openConnections(),
    refusedConnections: () => {
      const [one, other] = [listener.refusedConnections(), verdicts.refusedConnections()];
      return {
        address: one.address + other.address,
        total: one.total + other.total,
        descriptors: one.descriptors + other.descriptors,
      };
    },
    http2: () => listener.http2(),
    upstreams: () => upstreams.figures(clock()),
  };
}

/** For what has been given up to be recorded: at the most a farewell of tunnels. */
const abandonedMs = 2_000;

async function drain(
  listener: Listener,
  verdicts: VerdictListener,
  life: Life,
  deadlineMs: number,
): Promise<void> {
  const both = [listener, verdicts];
  const connections = () => both.flatMap((one) => [...one.connections()]);
  for (const one of both) one.stop();
  const drained = Promise.all([life.drain(connections()), listener.quiet()]);
  await withDeadline(
    drained.then(() => life.none()),
    deadlineMs,
  );
  life.abandon(connections());
  await Promise.all(both.map((one) => one.destroy()));
  await withDeadline(life.none(), abandonedMs);
}

async function withDeadline(work: Promise<void>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work, deadline]);
  clearTimeout(timer);
}
