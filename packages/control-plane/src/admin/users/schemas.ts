import { type Static, Type } from 'typebox';
import { employmentOf, type Identity, type UserRow } from '../../store/users.ts';
import {
  closed,
  idOf,
  instant,
  isoOf,
  isoOrNull,
  label,
  nullable,
  writtenInstant,
} from '../http/schemas.ts';

export const userId = idOf('usr');
const email = Type.String({
  maxLength: 254,
  pattern: String.raw`^([^@\s\p{Cc}]+@[^@\s\p{Cc}]+)?$`,
  description: 'Kept in lower case. A label, never a key. Empty: none is known.',
});
const displayName = Type.String({ maxLength: 256, pattern: String.raw`^[^\p{Cc}]*$` });
const status = Type.Union([Type.Literal('active'), Type.Literal('suspended')]);
const employmentClass = Type.Union([Type.Literal('employee'), Type.Literal('contractor')]);
const writtenEmployment = nullable(
  Type.Object(
    { class: employmentClass, endsAt: Type.Optional(nullable(writtenInstant)) },
    { ...closed, description: 'From `endsAt` on the user is refused everywhere. null: not known.' },
  ),
);
const groupNames = Type.Array(label(256), { maxItems: 256, uniqueItems: true });
const identity = Type.Object(
  {
    issuer: Type.String({ minLength: 1, maxLength: 2048, pattern: '^https://' }),
    subject: label(255),
  },
  { ...closed, description: 'Who the user is at a provider: the key of sign-in.' },
);

export const NewUser = Type.Object(
  {
    email: Type.Optional(email),
    displayName: Type.Optional(displayName),
    status: Type.Optional(status),
    employment: Type.Optional(writtenEmployment),
    groups: Type.Optional(groupNames),
    identities: Type.Optional(Type.Array(identity, { maxItems: 16 })),
  },
  closed,
);

export const UserChange = Type.Object(
  {
    email: Type.Optional(email),
    displayName: Type.Optional(displayName),
    status: Type.Optional(status),
    employment: Type.Optional(writtenEmployment),
  },
  { ...closed, minProperties: 1 },
);

export const User = Type.Object({
  id: userId,
  email,
  displayName,
  status,
  employment: nullable(Type.Object({ class: employmentClass, endsAt: nullable(instant) })),
  groups: groupNames,
  identities: Type.Array(identity),
  createdAt: instant,
  updatedAt: instant,
});
export type User = Static<typeof User>;

export const userStatus = status;

/** What the API shows of a user. */
export function presentUser(
  row: UserRow,
  groups: readonly string[],
  identities: readonly Identity[],
): User {
  const employment = employmentOf(row);
  return {
    id: row.id,
    email: row.email,
    displayName: row.displayName,
    status: row.status,
    employment: employment && {
      class: employment.class,
      endsAt: isoOrNull(employment.endsAtMs),
    },
    groups: [...groups],
    identities: identities.map(({ issuer, subject }) => ({ issuer, subject })),
    createdAt: isoOf(row.createdAtMs),
    updatedAt: isoOf(row.updatedAtMs),
  };
}
