import { type AdminApi, openAdminApi } from '../client/admin-api.ts';
import { Browser } from '../client/browser.ts';
import type { EdgeDescription, StackDescription, StackUser } from '../stack.ts';
import { chapters } from './chapters.ts';

/** What the chapters share. */
export interface Cast {
  readonly stack: StackDescription;
  readonly api: AdminApi;
  readonly alice: StackUser;
  readonly carol: StackUser;
  /** On Alice's laptop; signed in from the second chapter on. */
  readonly browser: Browser;
  readonly edge: EdgeDescription;
}

export interface Outcome {
  readonly sent: string;
  readonly came: string;
  /** Whether this is what should have come. */
  readonly right: boolean;
}

export interface Chapter {
  readonly title: string;
  readonly play: (cast: Cast) => Promise<Outcome>;
}

/**
 * Plays the chapters with real requests and prints one line for each. Says whether every one went
 * as it should; a chapter that fails does not end the story.
 */
export async function tellStory(
  stack: StackDescription,
  print: (line: string) => void,
): Promise<boolean> {
  const cast = await gather(stack);
  let right = 0;
  print(`\nOne gate, two doors. ${stack.edges.length} edges, one control plane, real requests:\n`);
  for (const [index, { title, play }] of chapters.entries()) {
    const started = performance.now();
    const outcome = await play(cast).catch(failure);
    const took = `${Math.round(performance.now() - started)} ms`;
    if (outcome.right) right += 1;
    const { sent, came } = outcome;
    print(`${outcome.right ? 'ok ' : 'NOT'} ${index + 1}. ${title}: ${sent} -> ${came}  (${took})`);
  }
  print(`\n${right} of ${chapters.length} as it should be\n`);
  await Promise.all([cast.browser.close(), cast.api.close()]);
  return right === chapters.length;
}

async function gather(stack: StackDescription): Promise<Cast> {
  const find = (name: string): StackUser => {
    const user = stack.users.find((candidate) => candidate.name === name);
    if (user === undefined) throw new Error(`the stack has no ${name}`);
    return user;
  };
  const [edge] = stack.edges;
  const [plane] = stack.controlPlanes;
  if (edge === undefined || plane === undefined) throw new Error('the stack has no edge');
  const alice = find('alice');
  const [api, browser] = await Promise.all([
    openAdminApi({ url: plane.url, token: stack.tokens.owner, ca: stack.ca }),
    Browser.open(stack, alice.device),
  ]);
  return { stack, api, alice, carol: find('carol'), browser, edge };
}

function failure(error: unknown): Outcome {
  const came = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { sent: 'something', came, right: false };
}
