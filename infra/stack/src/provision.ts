import { mkdir } from 'node:fs/promises';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { type AdminApi, AdminApiError } from './client/admin-api.ts';
import { enrolDevice } from './client/device.ts';
import { type Places, readConfiguration, StackConfigurationError } from './configuration.ts';
import { type Person, people } from './people.ts';
import type { StackDescription, StackUser } from './stack.ts';

/** How the control plane is known to the identity provider. */
export const clientId = 'sallyport';
export const clientSecret = 'a-secret-between-two-processes-of-the-development-stack';
const clientSecretName = 'corp-client-secret';

export interface ProvisionOptions {
  /** For the devices' certificates and keys. */
  readonly dir: string;
  /** Folder of configuration documents. */
  readonly configuration: string;
  readonly places: Places;
}

export interface Provisioned {
  readonly users: readonly StackUser[];
  readonly tokens: Omit<StackDescription['tokens'], 'owner'>;
}

/** Writes through the admin API what an administrator of a new installation would write. */
export async function provision(api: AdminApi, options: ProvisionOptions): Promise<Provisioned> {
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  const [documents] = await Promise.all([
    readConfiguration(options.configuration, options.places),
    api.put(`/v1/secrets/${clientSecretName}`, { value: clientSecret }),
  ]);
  const [policyAdmin, responder, viewer, users] = await Promise.all([
    createToken(api, 'policy-admin'),
    createToken(api, 'responder'),
    createToken(api, 'viewer'),
    createUsers(api, options),
    applyConfiguration(api, options.configuration, documents),
  ]);
  return { users, tokens: { policyAdmin, responder, viewer } };
}

/** What holds between documents is for the control plane to say. */
async function applyConfiguration(
  api: AdminApi,
  folder: string,
  documents: readonly ConfigurationDocument[],
): Promise<void> {
  try {
    await api.post('/v1/config:apply', { documents, message: `From ${folder}` });
  } catch (error) {
    if (!(error instanceof AdminApiError) || error.problems.length === 0) throw error;
    throw new StackConfigurationError(folder, error.problems);
  }
}

async function createToken(api: AdminApi, role: string): Promise<string> {
  const created = await api.post<{ readonly token: string }>('/v1/tokens', { role, label: role });
  return created.body.token;
}

async function createUsers(api: AdminApi, options: ProvisionOptions): Promise<StackUser[]> {
  const groups = new Set(people.flatMap((person) => person.groups));
  await Promise.all([...groups].map((name) => api.post('/v1/groups', { name })));
  return Promise.all(people.map((person) => createUser(api, person, options)));
}

/** The identity is known beforehand, so that the first sign-in finds this user and this device. */
async function createUser(
  api: AdminApi,
  { managedDevice, ...person }: Person,
  { dir, places }: ProvisionOptions,
): Promise<StackUser> {
  const created = await api.post<{ readonly id: string }>('/v1/users', {
    email: person.email,
    displayName: person.name,
    groups: person.groups,
    identities: [{ issuer: places['idp.issuer'], subject: person.name }],
  });
  const device = await enrolDevice(api, dir, {
    name: `${person.name}-laptop`,
    ownerUserId: created.body.id,
    managed: managedDevice,
  });
  return { ...person, device };
}
