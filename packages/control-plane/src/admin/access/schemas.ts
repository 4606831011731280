import { Type } from 'typebox';
import { pageQuery } from '../http/paging.ts';
import { closed, documentName, instant, nullable } from '../http/schemas.ts';

const strings = Type.Array(Type.String());
const OpenRules = Type.Array(Type.Object({ rule: Type.String(), needs: strings }));

/** What comes of it, for a user, a service or a route. */
const reach = {
  access: Type.Union([Type.Literal('always'), Type.Literal('with'), Type.Literal('never')], {
    description: '`with`: where what `needs` names holds as well.',
  }),
  rules: Type.Array(OpenRules.items, {
    description: 'Any one of them lets in, once its `needs` hold.',
  }),
  unless: Type.Array(OpenRules.items, { description: 'Each denies where its `needs` hold.' }),
  stepUp: Type.Array(Type.String(), { description: 'Rules that may ask for another sign-in.' }),
  reasons: Type.Array(Type.String(), { description: 'Why never.' }),
};

const User = Type.Object({ id: Type.String(), email: Type.String(), displayName: Type.String() });
const monitorUntil = nullable(instant);

export const whoCanQuery = Type.Object(
  {
    ...pageQuery,
    route: documentName,
    method: Type.Optional(Type.String({ pattern: '^[A-Z]{3,16}$' })),
    path: Type.Optional(Type.String({ pattern: '^/', maxLength: 4_096 })),
    host: Type.Optional(
      Type.String({ minLength: 1, maxLength: 253, description: 'Which host, with `path`.' }),
    ),
  },
  closed,
);

export const WhoCan = Type.Object({
  version: Type.Integer(),
  route: Type.String(),
  method: nullable(Type.String()),
  path: nullable(Type.String()),
  at: instant,
  assumptions: strings,
  monitorUntil,
  anonymous: Type.Boolean({ description: 'Some rule may let in whoever has not signed in.' }),
  services: Type.Array(Type.Object({ service: Type.String(), ...reach }), {
    description: 'Those that can; on the first page alone.',
  }),
  moreServices: Type.Boolean({ description: 'There was no time for all services.' }),
  items: Type.Array(Type.Object({ user: User, ...reach })),
  nextCursor: nullable(Type.String()),
});

export const whatCanQuery = Type.Object(
  {
    ...pageQuery,
    user: Type.String({ minLength: 1, maxLength: 254, description: 'User id or e-mail address.' }),
  },
  closed,
);

export const WhatCan = Type.Object({
  version: Type.Integer(),
  at: instant,
  user: User,
  assumptions: strings,
  items: Type.Array(Type.Object({ route: Type.String(), hosts: strings, monitorUntil, ...reach })),
  nextCursor: nullable(Type.String()),
});
