import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Device, User } from '@sallyport/shared/state/model';
import {
  EmploymentClass,
  type EmploymentSchema,
  type PostureFactSchema,
  type Employment as WireEmployment,
  type PostureFact as WirePostureFact,
} from '../../gen/sallyport/v1/state_pb.js';
import { known, UnreadableOpsError } from './unreadable.ts';

type EmploymentFacts = NonNullable<User['employment']>;
type PostureFact = Device['posture'][number];

const classes = {
  employee: EmploymentClass.EMPLOYEE,
  contractor: EmploymentClass.CONTRACTOR,
} as const satisfies Record<EmploymentFacts['class'], EmploymentClass>;

/** A user's employment as it travels. */
export function employmentToWire(
  employment: EmploymentFacts,
): MessageInitShape<typeof EmploymentSchema> {
  const { endsAtMs } = employment;
  return {
    class: classes[employment.class],
    ...(endsAtMs === null ? {} : { endsAtMs: BigInt(endsAtMs) }),
  };
}

/** A user's employment as it came; null: it is not known. */
export function employmentFromWire(wire: WireEmployment | undefined): EmploymentFacts | null {
  if (wire === undefined) return null;
  const { endsAtMs } = wire;
  return {
    class: known(classes, wire.class, 'class of employment'),
    endsAtMs: endsAtMs === undefined ? null : Number(endsAtMs),
  };
}

/** What was observed of a device, as it travels. */
export function postureToWire(fact: PostureFact): MessageInitShape<typeof PostureFactSchema> {
  const { name, observedAtMs } = fact;
  return { name, value: valueToWire(fact.value), observedAtMs: BigInt(observedAtMs) };
}

function valueToWire(
  value: PostureFact['value'],
): NonNullable<MessageInitShape<typeof PostureFactSchema>['value']> {
  if (typeof value === 'boolean') return { case: 'flag', value };
  return typeof value === 'number' ? { case: 'number', value } : { case: 'text', value };
}

/** What was observed of a device, as it came. Throws UnreadableOpsError for no value we know. */
export function postureFromWire({ name, value, observedAtMs }: WirePostureFact): PostureFact {
  if (value.case === undefined) throw new UnreadableOpsError(`posture ${name} has no known value`);
  return { name, value: value.value, observedAtMs: Number(observedAtMs) };
}
