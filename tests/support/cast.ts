import {
  type AdminApi,
  openAdminApi,
  type StackDescription,
  type StackUser,
} from '@sallyport/stack';

/** The user of that name. */
export function userOf(stack: StackDescription, name: string): StackUser {
  const user = stack.users.find((candidate) => candidate.name === name);
  if (user === undefined) throw new Error(`the stack has no ${name}`);
  return user;
}

/** A page of the wiki, or of another host, as the edge of this number serves it. */
export function pageOn(
  stack: StackDescription,
  path: string,
  { host = stack.hosts.wiki, edge = 0 }: { readonly host?: string; readonly edge?: number } = {},
): URL {
  const { port } = stack.edges[edge] ?? {};
  if (port === undefined) throw new Error(`the stack has no edge ${edge}`);
  return new URL(path, `https://${host}:${port}`);
}

/** The admin API as the owner. */
export function openAdmin(stack: StackDescription): Promise<AdminApi> {
  const [plane] = stack.controlPlanes;
  if (plane === undefined) throw new Error('the stack has no control plane');
  return openAdminApi({ url: plane.url, token: stack.tokens.owner, ca: stack.ca });
}

export const html = { accept: 'text/html' } as const;
export const json = { accept: 'application/json' } as const;
