import { below, complain, type Fields, type Place, readFields, readFlag } from '../read.ts';
import type { ReasonCode } from '../reasons.ts';
import { type Truth, truthOf } from '../truth.ts';
import type { KnownDevice, View } from '../view.ts';
import type { Condition, ConditionKind } from './condition.ts';

interface Wanted {
  readonly known: boolean | null;
  readonly managed: boolean | null;
  readonly ownedByUser: boolean | null;
}

/**
 * `device`: what the request comes from. `false` is the plain opposite of `true`: what comes from
 * no device is also not managed and not owned, so that a deny rule about unmanaged devices cannot
 * be escaped by leaving the certificate at home.
 */
export const device: ConditionKind = {
  compile(value, place) {
    const fields = readFields(value, place, [], ['known', 'managed', 'ownedByUser']);
    if (fields === null) return null;
    if (fields.size === 0) return complain(place, 'must not be empty');
    const wanted: Wanted = {
      known: readWish(fields, 'known', place),
      managed: readWish(fields, 'managed', place),
      ownedByUser: readWish(fields, 'ownedByUser', place),
    };
    if (wanted.known === false && (wanted.managed === true || wanted.ownedByUser === true)) {
      return complain(place, 'can never hold: only a known device is managed or owned');
    }
    return conditionOf(wanted);
  },
  aboutUser: (value) =>
    typeof value === 'object' && value !== null && Object.hasOwn(value, 'ownedByUser'),
};

function readWish(fields: Fields, name: string, place: Place): boolean | null {
  return fields.has(name) ? readFlag(fields.get(name), below(place, name)) : null;
}

function conditionOf(wanted: Wanted): Condition {
  return {
    field: 'device',
    holds: (view) => evaluate(wanted, view, view.device),
    reason: (view) => whyNot(wanted, view),
  };
}

function evaluate(wanted: Wanted, view: View, found: KnownDevice | null): Truth {
  if (wanted.known !== null && wanted.known !== (found !== null)) return 'false';
  if (wanted.managed !== null && wanted.managed !== (found?.managed ?? false)) return 'false';
  return wanted.ownedByUser === null ? 'true' : isOwned(wanted.ownedByUser, view, found);
}

/** Pending only where signing in could make the device the user's own. */
function isOwned(wish: boolean, view: View, found: KnownDevice | null): Truth {
  const owner = found?.ownerUserId ?? null;
  if (owner === null) return truthOf(!wish);
  return view.user === null ? 'pending' : truthOf(wish === (owner === view.user.id));
}

/** The first thing that the person would have to change. */
function whyNot(wanted: Wanted, view: View): ReasonCode | null {
  const presented = view.facts.device.kind === 'known' ? view.facts.device : null;
  if (presented === null) return 'device_certificate_missing';
  if (view.device === null && evaluate(wanted, view, presented) === 'true') {
    return 'session_without_device';
  }
  if (wanted.known === false) return null;
  if (wanted.managed === true && !presented.managed) return 'device_unmanaged';
  return wanted.ownedByUser === true ? 'device_not_owned' : null;
}
