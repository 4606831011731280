import type { StackUser } from './stack.ts';

export type Person = Omit<StackUser, 'device'> & { readonly managedDevice: boolean };

/** Who the identity provider of the stack knows. The passwords are for this machine alone. */
export const people: readonly Person[] = [
  {
    name: 'alice',
    email: 'alice@corp.localhost',
    password: 'alice-at-the-gate',
    class: 'employee',
    groups: ['employees'],
    managedDevice: true,
  },
  {
    name: 'carol',
    email: 'carol@corp.localhost',
    password: 'carol-at-the-gate',
    class: 'contractor',
    groups: ['contractors'],
    managedDevice: false,
  },
  {
    name: 'adam',
    email: 'adam@corp.localhost',
    password: 'adam-at-the-gate',
    class: 'admin',
    groups: ['employees', 'admins'],
    managedDevice: true,
  },
];

export const hosts = {
  wiki: 'wiki.corp.localhost',
  reports: 'reports.fin.localhost',
  admin: 'admin.corp.localhost',
} as const;

export const signInHost = 'signin.corp.localhost';
export const trustDomain = 'corp.localhost';
export const identityProviderName = 'corp';

/** Front proxies of the demo's configuration. */
export const fronts = { proxyV2: '127.0.0.2', forwardedFor: '127.0.0.3' } as const;
