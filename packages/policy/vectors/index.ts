import {
  canonicalPath,
  type Decision,
  type DeviceFacts,
  type EmploymentFacts,
  type Facts,
  type PathProblem,
  type PlaceFacts,
  type PolicySet,
  type PostureFact,
  type Reason,
  type ReasonCode,
  type RequestFacts,
  type RiskFacts,
  type SessionFacts,
  type StalenessFacts,
  type UserFacts,
} from '../src/index.ts';
import anchoring from './anchoring.json' with { type: 'json' };
import anonymousAndStepUp from './anonymous-and-step-up.json' with { type: 'json' };
import authentication from './authentication.json' with { type: 'json' };
import castJson from './cast.json' with { type: 'json' };
import devicePosture from './device-posture.json' with { type: 'json' };
import devicesAndSessions from './devices-and-sessions.json' with { type: 'json' };
import egress from './egress.json' with { type: 'json' };
import employment from './employment.json' with { type: 'json' };
import headers from './headers.json' with { type: 'json' };
import monitorMode from './monitor-mode.json' with { type: 'json' };
import namedConditions from './named-conditions.json' with { type: 'json' };
import networks from './networks.json' with { type: 'json' };
import paths from './paths.json' with { type: 'json' };
import placeAndRisk from './place-and-risk.json' with { type: 'json' };
import routes from './routes.json' with { type: 'json' };
import services from './services.json' with { type: 'json' };
import staleness from './staleness.json' with { type: 'json' };
import times from './times.json' with { type: 'json' };
import verdicts from './verdicts.json' with { type: 'json' };
import when from './when.json' with { type: 'json' };

/**
 * Policy, facts and the decision that follows: one set, run by the core, the edge and the control
 * plane. A case names its devices, sessions and users from cast.json.
 */

/** What must come out. Fields that are left out may be anything. */
export type Expected =
  | { readonly refused: PathProblem }
  | {
      readonly outcome: Decision['outcome'];
      readonly route: string | null;
      /** Codes, in order. */
      readonly reasons?: readonly ReasonCode[];
      readonly ruleIds?: readonly string[];
      readonly untilMs?: number;
      /** Codes of the reasons for which rules would deny what is let through; null: they would not. */
      readonly wouldDeny?: readonly ReasonCode[] | null;
      readonly require?: unknown;
      /** The canonical path. */
      readonly path?: string;
    };

export interface Vector {
  readonly title: string;
  readonly policySet: PolicySet;
  /** The path stands as it was sent: it must be made canonical first. */
  readonly facts: Facts;
  readonly expect: Expected;
}

interface Given {
  /** Method, host and path as sent. */
  readonly request: string;
  readonly device?: string;
  readonly session?: string;
  /** Default: the session's. */
  readonly user?: string;
  readonly sourceAddress?: string;
  readonly lockdown?: boolean;
  readonly nowMs?: number;
  readonly headers?: RequestFacts['headers'];
  /** What is not said of it is not known. Default: nothing is. */
  readonly place?: Partial<PlaceFacts>;
  /** Default: not known. */
  readonly risk?: RiskFacts;
  /** Instead of the device's own. */
  readonly posture?: readonly PostureFact[];
  /** Instead of the user's own. */
  readonly employment?: EmploymentFacts | null;
  /** Default: every lane is fresh. */
  readonly staleness?: Partial<StalenessFacts>;
  /** Instead of the device's own. */
  readonly certificateNotAfterMs?: number;
  readonly certificateNotBeforeMs?: number;
}

interface VectorFile {
  readonly title: string;
  readonly policySet: PolicySet;
  readonly cases: readonly {
    readonly title: string;
    readonly given: Given;
    readonly expect: Expected;
  }[];
}

interface Cast {
  readonly nowMs: number;
  readonly sourceAddress: string;
  readonly devices: Readonly<Record<string, DeviceFacts>>;
  readonly sessions: Readonly<Record<string, SessionFacts>>;
  readonly users: Readonly<Record<string, UserFacts>>;
}

// The files stand in the same folder and are held to their meaning by the tests that run them.
const cast = castJson as unknown as Cast;
const files = [
  verdicts,
  devicesAndSessions,
  anonymousAndStepUp,
  networks,
  routes,
  paths,
  staleness,
  anchoring,
  authentication,
  devicePosture,
  employment,
  headers,
  monitorMode,
  namedConditions,
  placeAndRisk,
  egress,
  services,
  times,
  when,
] as unknown as readonly VectorFile[];

const fresh: StalenessFacts = { revokeMs: 0, signalsMs: 0, configMs: 0, directoryMs: 0 };
const nobody = { kind: 'none' } as const;
const nowhere: PlaceFacts = { country: null, region: null, asn: null, egress: null };

/** Every case of every file. */
export const vectors: readonly Vector[] = files.flatMap((file) =>
  file.cases.map(({ title, given, expect }) => ({
    title: `${file.title}: ${title}`,
    policySet: file.policySet,
    facts: factsOf(given),
    expect,
  })),
);

/**
 * Runs one vector by any way of deciding: makes the path canonical, decides, and says what differs
 * from what was expected; nothing, where all is as it should be.
 */
export function runVector(
  vector: Vector,
  decideOn: (policySet: PolicySet, facts: Facts) => Decision,
): readonly string[] {
  const { expect, facts } = vector;
  const canonical = canonicalPath(facts.request.path);
  if (!canonical.ok) {
    return differences(
      { refused: 'refused' in expect ? expect.refused : null },
      {
        refused: canonical.problem,
      },
    );
  }
  const { path } = canonical;
  if ('refused' in expect) return [`the path was not refused: ${path}`];
  const decision = decideOn(vector.policySet, { ...facts, request: { ...facts.request, path } });
  const codes = (all: readonly Reason[]) => all.map((reason) => reason.code);
  const would = decision.outcome === 'permit' ? decision.wouldDeny : null;
  return differences(expect, {
    ...decision,
    reasons: codes(decision.reasons),
    wouldDeny: would === null ? null : codes(would.reasons),
    path,
  });
}

function differences(expected: object, found: object): readonly string[] {
  const values = new Map<string, unknown>(Object.entries(found));
  return Object.entries(expected).flatMap(([field, value]) => {
    const [wanted, got] = [JSON.stringify(value), JSON.stringify(values.get(field))];
    return wanted === got ? [] : [`${field}: expected ${wanted}, found ${got}`];
  });
}

function factsOf(given: Given): Facts {
  const [method = '', host = '', path = ''] = given.request.split(' ');
  const session = given.session === undefined ? nobody : member(cast.sessions, given.session);
  const device = given.device === undefined ? nobody : member(cast.devices, given.device);
  return {
    nowMs: given.nowMs ?? cast.nowMs,
    request: { method, host, path, headers: given.headers ?? {} },
    sourceAddress: given.sourceAddress ?? cast.sourceAddress,
    device: deviceOf(device, given),
    session,
    user: employed(
      given.user === undefined ? userOf(session) : member(cast.users, given.user),
      given,
    ),
    place: given.place === undefined ? null : { ...nowhere, ...given.place },
    risk: given.risk ?? null,
    lockdown: given.lockdown ?? false,
    staleness: { ...fresh, ...given.staleness },
  };
}

function deviceOf(device: DeviceFacts, given: Given): DeviceFacts {
  if (device.kind !== 'known') return device;
  return {
    ...device,
    certificateNotBeforeMs: given.certificateNotBeforeMs ?? device.certificateNotBeforeMs,
    certificateNotAfterMs: given.certificateNotAfterMs ?? device.certificateNotAfterMs,
    posture: given.posture ?? device.posture,
  };
}

function employed(user: UserFacts, { employment }: Given): UserFacts {
  return user.kind === 'known' && employment !== undefined ? { ...user, employment } : user;
}

function userOf(session: SessionFacts): UserFacts {
  if (session.kind !== 'live') return nobody;
  const isTheirs = (user: UserFacts) => user.kind === 'known' && user.id === session.userId;
  return Object.values(cast.users).find(isTheirs) ?? nobody;
}

function member<Member>(members: Readonly<Record<string, Member>>, name: string): Member {
  const found = members[name];
  if (found === undefined) throw new Error(`there is no ${name} in cast.json`);
  return found;
}
