import { apiPath } from './client/api.ts';
import { type Json, readObject, readObjects, show, showTime } from './client/reading.ts';
import { edgeColumns } from './edge-columns.ts';
import type { Column } from './output/table.ts';

/** A filter of a list: an option of the command, and the query parameter of the same name. */
export interface Filter {
  readonly flags: string;
  readonly description: string;
}

/** One resource of the admin API: where it is, and what of it a person wants to see in a list. */
export interface Resource {
  /** Below /v1. */
  readonly path: string;
  readonly singular: string;
  readonly summary: string;
  readonly columns: (rows: readonly Json[]) => readonly Column<Json>[];
  readonly filters: Readonly<Record<string, Filter>>;
  /** Whether one of them can be read by its id. */
  readonly readable: boolean;
  /** Whether one of them can be deleted by its id. */
  readonly deletable: boolean;
}

const text = (heading: string, field: string): Column<Json> => ({
  heading,
  cell: (row) => show(row, field),
});
const time = (heading: string, field: string): Column<Json> => ({
  heading,
  cell: (row) => showTime(row, field),
});

const always = (columns: readonly Column<Json>[]) => () => columns;

const search: Filter = { flags: '--search <text>', description: 'with this text in its names' };

/** One resource, one row. Configuration documents are not here: they are written as a set. */
export const resources = {
  users: {
    path: 'users',
    singular: 'user',
    summary: 'people who signed in, or were made by an administrator',
    readable: true,
    deletable: true,
    filters: {
      email: { flags: '--email <address>', description: 'with this address' },
      status: { flags: '--status <status>', description: 'active or suspended' },
      search,
    },
    columns: always([
      text('ID', 'id'),
      text('EMAIL', 'email'),
      text('NAME', 'displayName'),
      text('STATUS', 'status'),
      text('GROUPS', 'groups'),
    ]),
  },
  groups: {
    path: 'groups',
    singular: 'group',
    summary: 'groups of users, which rules name',
    readable: true,
    deletable: true,
    filters: { search },
    columns: always([text('ID', 'id'), text('NAME', 'name'), text('DESCRIPTION', 'description')]),
  },
  devices: {
    path: 'devices',
    singular: 'device',
    summary: 'enrolled devices',
    readable: true,
    deletable: true,
    filters: {
      owner: { flags: '--owner <user-id>', description: 'of this user' },
      managed: { flags: '--managed', description: 'only managed ones' },
      search,
    },
    columns: always([
      text('ID', 'id'),
      text('NAME', 'name'),
      text('MANAGED', 'managed'),
      text('OWNER', 'ownerUserId'),
      time('CREATED', 'createdAt'),
    ]),
  },
  sessions: {
    path: 'sessions',
    singular: 'session',
    summary: 'who is signed in, where and since when',
    readable: true,
    deletable: false,
    filters: {
      user: { flags: '--user <id|address>', description: 'of this user' },
      device: { flags: '--device <id>', description: 'made on this device' },
      live: { flags: '--live', description: 'only those that still hold' },
    },
    columns: always([
      text('SESSION', 'sid'),
      text('USER', 'userEmail'),
      text('DEVICE', 'deviceName'),
      text('LIVE', 'live'),
      time('SIGNED IN', 'authenticatedAt'),
      time('EXPIRES', 'expiresAt'),
      text('FROM', 'sourceAddress'),
    ]),
  },
  revocations: {
    path: 'revocations',
    singular: 'revocation',
    summary: 'what was ended or blocked',
    readable: true,
    deletable: false,
    filters: {
      kind: { flags: '--kind <kind>', description: 'of this kind of target' },
      id: { flags: '--target <id>', description: 'of the target with this id' },
      active: { flags: '--active', description: 'only blocks that are in force' },
    },
    columns: always([
      text('ID', 'id'),
      {
        heading: 'TARGET',
        cell: (row) => {
          const target = readObject(row['target'], 'the target');
          return `${show(target, 'kind')} ${show(target, 'id') || show(target, 'name')}`.trimEnd();
        },
      },
      text('EFFECT', 'effect'),
      text('REASON', 'reason'),
      text('BY', 'createdBy'),
      time('CREATED', 'createdAt'),
      time('EXPIRES', 'expiresAt'),
      time('LIFTED', 'liftedAt'),
    ]),
  },
  signals: {
    path: 'signals',
    singular: 'signal',
    summary: 'what was noticed of users, devices and sessions',
    readable: true,
    deletable: false,
    filters: {
      detector: { flags: '--detector <name>', description: 'of this detector' },
      user: { flags: '--user <id|address>', description: 'of this user' },
      device: { flags: '--device <id>', description: 'about this device, or with it' },
      session: { flags: '--session <id>', description: 'about this session, or with it' },
      state: { flags: '--state <state>', description: 'open, dismissed or expired' },
    },
    columns: always([
      text('ID', 'id'),
      time('AT', 'lastAt'),
      text('DETECTOR', 'detector'),
      { heading: 'USER', cell: (row) => show(row, 'userEmail') || show(row, 'userId') },
      text('STATE', 'state'),
      text('SCORE', 'score'),
      text('TIMES', 'times'),
      text('REASON', 'reason'),
    ]),
  },
  edges: {
    path: 'edges',
    singular: 'edge',
    summary: 'edges, and how far each of them is',
    readable: true,
    deletable: true,
    filters: { region: { flags: '--region <region>', description: 'in this region' } },
    columns: edgeColumns,
  },
  tokens: {
    path: 'tokens',
    singular: 'token',
    summary: 'bearer tokens of the admin API',
    readable: true,
    deletable: true,
    filters: {},
    columns: always([
      text('ID', 'id'),
      text('ROLE', 'role'),
      text('LABEL', 'label'),
      time('CREATED', 'createdAt'),
      time('EXPIRES', 'expiresAt'),
      time('LAST USED', 'lastUsedAt'),
      time('REVOKED', 'revokedAt'),
    ]),
  },
  secrets: {
    path: 'secrets',
    singular: 'secret',
    summary: 'values that documents refer to by name, without the values',
    readable: false,
    deletable: true,
    filters: {},
    columns: always([
      text('NAME', 'name'),
      text('VERSION', 'version'),
      text('HOLDER', 'holder'),
      time('UPDATED', 'updatedAt'),
      text('SHA-256', 'sha256'),
    ]),
  },
  versions: {
    path: 'config/versions',
    singular: 'version',
    summary: 'versions of the configuration, and what each changed',
    readable: true,
    deletable: false,
    filters: {},
    columns: always([
      text('VERSION', 'version'),
      { heading: 'STATE', cell: (row) => (row['live'] === true ? 'live' : show(row, 'state')) },
      time('CREATED', 'createdAt'),
      text('AUTHOR', 'author'),
      { heading: 'CHANGED', cell: changes },
      { heading: 'MESSAGE', cell: messageOf },
    ]),
  },
  audit: {
    path: 'audit',
    singular: 'audit',
    summary: 'who wrote what through the admin API, newest first',
    readable: false,
    deletable: false,
    filters: {
      resource: { flags: '--resource <kind>', description: 'on this kind of resource' },
      resourceId: { flags: '--resource-id <id>', description: 'on this resource' },
      actor: { flags: '--actor <id>', description: 'by this token, edge or job' },
    },
    columns: always([
      time('AT', 'at'),
      { heading: 'BY', cell: (row) => show(readObject(row['actor'], 'the actor'), 'label') },
      text('VERB', 'verb'),
      text('RESOURCE', 'resource'),
      text('ID', 'resourceId'),
      text('FROM', 'sourceAddress'),
      text('REQUEST', 'requestId'),
    ]),
  },
} as const satisfies Record<string, Resource>;
export type ResourceName = keyof typeof resources;

/** The path of a resource's list, or of one of them. */
export function resourcePath(resource: Resource, ...ids: readonly string[]): string {
  return apiPath(...resource.path.split('/'), ...ids);
}

function changes(version: Json): string {
  const changed = readObjects(version, 'changed');
  const [first] = changed;
  if (first === undefined) return '';
  const rest = changed.length === 1 ? '' : ` and ${changed.length - 1} more`;
  return `${show(first, 'kind')}/${show(first, 'name')} ${show(first, 'change')}${rest}`;
}

/** What the author said, and why it was rolled back or refused. */
function messageOf(row: Json): string {
  const [message, reason] = [show(row, 'message'), show(row, 'stateReason')];
  return reason === '' ? message : `${message} (${reason})`.trim();
}
