import type { DeviceFacts } from '@sallyport/policy';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { KnownPlace } from '@sallyport/shared/signals/place';
import type { CurrentState } from '../../state/current.ts';
import type { ControlCalls } from '../../worker/request-worker.ts';
import type { OpenedSessions } from '../4-session/opened-sessions.ts';
import type { Answer, Located } from '../exchange.ts';
import type { Origins } from '../origins.ts';

/** What our own endpoints work with. */
export interface OwnNeeds {
  readonly state: CurrentState;
  readonly control: ControlCalls;
  readonly sessions: OpenedSessions;
  readonly origins: Origins;
  readonly clock: Clock;
  readonly log: Log;
  /** The device of a request, as the state is now. */
  readonly identify: (value: Located) => DeviceFacts;
  /** Where a request comes from; null: nothing is known of its address. */
  readonly placeOf: (value: Located) => KnownPlace | null;
}

export type Endpoint = (value: Located) => Answer | Promise<Answer>;

/** The device id a session is bound to; null: there is no device. */
export function deviceIdOf(device: DeviceFacts): string | null {
  return device.kind === 'known' ? device.id : null;
}
