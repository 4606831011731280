import { type Static, Type } from 'typebox';
import type { GroupRow } from '../../store/groups.ts';
import { closed, idOf, instant, isoOf, label } from '../http/schemas.ts';

export const groupId = idOf('grp');
const description = Type.String({ maxLength: 1024, pattern: String.raw`^[^\p{Cc}]*$` });

export const NewGroup = Type.Object(
  {
    name: Type.String({
      ...label(256),
      description: 'What policies and provider claims call it. It does not change.',
    }),
    description: Type.Optional(description),
  },
  closed,
);

export const GroupChange = Type.Object({ description }, closed);

export const Group = Type.Object({
  id: groupId,
  name: Type.String(),
  description: Type.String(),
  createdAt: instant,
});

export const Member = Type.Object({
  userId: idOf('usr'),
  email: Type.String(),
  displayName: Type.String(),
  since: instant,
});

/** What the API shows of a group. */
export function presentGroup(row: GroupRow): Static<typeof Group> {
  const { id, name, description: text, createdAtMs } = row;
  return { id, name, description: text, createdAt: isoOf(createdAtMs) };
}
