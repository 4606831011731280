import { networkContains, parseNetwork } from '../address.ts';
import { pathLengthMax } from '../canonical-path.ts';
import type { PostureFact } from '../facts.ts';
import type { View } from '../view.ts';
import type { CelEnvironment, Leaf, Method } from './context.ts';
import {
  flag,
  instant,
  type LeafOf,
  ofSession,
  ofUser,
  real,
  span,
  text,
  texts,
  whole,
} from './readers.ts';
import { string } from './types.ts';
import { pending } from './values.ts';

/**
 * What `when` can look at. Each variable reads the facts where they are: nothing is copied, and a
 * value of another type or larger than it may be is unknown. `docs/policy.md` lists the names.
 */

const groupsMax = 1000;
const postureMax = 256;

/** The part of the facts that a name looks at, by its first word. */
export type Root =
  | 'request'
  | 'source'
  | 'user'
  | 'device'
  | 'session'
  | 'place'
  | 'risk'
  | 'service'
  | 'now';

/** Names whose value changes with time alone; when the risk does, the facts tell. */
export const timed: ReadonlySet<string> = new Set(['now', 'session.age', 'device.postureAge']);

/** Names that need a user although they do not begin with `user`. */
export const aboutUser: ReadonlySet<string> = new Set(['device.ownedByUser']);

const name = text(256);
const names = (countMax: number) => texts(countMax, 256);

const leaves: ReadonlyMap<string, Leaf<View>> = new Map([
  ['request.method', text(32)(({ facts }) => facts.request.method)],
  ['request.host', text(253)(({ facts }) => facts.request.host)],
  ['request.path', text(pathLengthMax)(({ facts }) => facts.request.path)],
  ['source.address', text(64)(({ facts }) => facts.sourceAddress)],
  ['user.id', ofUser(name, ({ id }) => id)],
  ['user.email', ofUser(text(320), ({ email }) => email)],
  ['user.groups', ofUser(names(groupsMax), ({ groups }) => groups)],
  ['user.employment.class', ofUser(name, ({ employment }) => employment?.class)],
  ['user.employment.endsAt', ofUser(instant, ({ employment }) => employment?.endsAtMs)],
  ['device.known', flag(({ device }) => device !== null)],
  ['device.managed', flag(({ device }) => device?.managed ?? false)],
  ['device.ownedByUser', flag(ownedByUser)],
  ['device.id', name(({ device }) => device?.id)],
  ['device.certificateNotBefore', instant(({ device }) => device?.certificateNotBeforeMs)],
  ['device.certificateNotAfter', instant(({ device }) => device?.certificateNotAfterMs)],
  ['session.authenticatedAt', ofSession(instant, (session) => session.authenticatedAtMs)],
  ['session.expiresAt', ofSession(instant, (session) => session.expiresAtMs)],
  ['session.age', ofSession(span, (session, nowMs) => nowMs - session.authenticatedAtMs)],
  ['session.amr', ofSession(names(32), ({ amr }) => amr)],
  ['place.country', text(2)(({ facts }) => facts.place?.country)],
  ['place.region', text(100)(({ facts }) => facts.place?.region)],
  ['place.asn', whole(({ facts }) => facts.place?.asn)],
  ['place.egress', text(63)(({ facts }) => facts.place?.egress)],
  ['risk.score', real(({ facts }) => facts.risk?.score)],
  ['risk.signals', names(64)(({ facts }) => facts.risk?.signals)],
  ['service.name', name(({ service }) => service)],
  ['now', instant(({ facts }) => facts.nowMs)],
]);

const methods: ReadonlyMap<string, Method<View>> = new Map([
  ['source.inNetwork', inNetwork()],
  ['device.hasPosture', posture(flag, (found) => found !== null)],
  ['device.postureIs', posture(flag, (found) => found?.value)],
  ['device.postureNumber', posture(real, (found) => found?.value)],
  ['device.postureText', posture(name, (found) => found?.value)],
  ['device.postureAge', posture(span, (found, nowMs) => nowMs - (found?.observedAtMs ?? NaN))],
]);

/** The environment of `when`. */
export const viewEnvironment: CelEnvironment<View> = { leaves, methods };

/** As the condition `device.ownedByUser` has it: what nobody owns is not the user's own. */
function ownedByUser({ device, user, session }: View): unknown {
  const owner = device?.ownerUserId ?? null;
  if (owner === null) return false;
  if (user !== null) return owner === user.id;
  return session === null ? pending : null;
}

/** Bound to a literal network, so that one that is none is found when the rule is compiled. */
function inNetwork(): Method<View> {
  return {
    parameters: [string],
    wants: 'a network such as "10.0.0.0/8", with no bits set beyond its prefix',
    cost: 8,
    bind([written]) {
      const network = typeof written === 'string' ? parseNetwork(written) : null;
      if (network === null) return null;
      return flag((view) => {
        const address = view.sourceAddress();
        return address === null ? null : networkContains(network, address);
      });
    },
  };
}

/** A function of a posture fact's name, which finds null where nothing was observed. */
function posture(
  leafOf: LeafOf,
  read: (found: PostureFact | null, nowMs: number) => unknown,
): Method<View> {
  return {
    parameters: [string],
    wants: 'the name of a posture fact',
    cost: 1 + postureMax / 16,
    bind: ([wanted]) =>
      leafOf(({ device, facts }) => {
        if (device === null || device.posture.length > postureMax) return null;
        const found = device.posture.find((fact) => fact.name === wanted);
        return read(found ?? null, facts.nowMs);
      }),
  };
}
