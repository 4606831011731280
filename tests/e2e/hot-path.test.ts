import { setTimeout as sleep } from 'node:timers/promises';
import { Browser, type Stack, startStack } from '@sallyport/stack';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { json, pageOn, userOf } from '../support/cast.ts';

const goneMsMax = 15_000;
const requestsEach = 50;

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

/** Ends a process at once, as a fault would, and waits until it is gone. */
async function kill(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  const giveUpAt = performance.now() + goneMsMax;
  while (isThere(pid)) {
    if (performance.now() > giveUpAt) throw new Error(`${pid} is still there`);
    await sleep(20);
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it('serves established sessions with PostgreSQL, control plane and provider gone', async () => {
  const { description } = stack;
  const alice = userOf(description, 'alice');
  const browser = await Browser.open(description, alice.device);
  const edges = description.edges.map((_, edge) => edge);
  expect((await browser.signIn(pageOn(description, '/'), alice)).status).toBe(200);
  for (const edge of edges) {
    expect((await browser.ask(pageOn(description, '/', { edge }))).status).toBe(200);
  }

  // PostgreSQL ends with the control plane that runs it, so it goes first.
  for (const pid of [
    description.postgres.pid,
    ...description.controlPlanes.map((plane) => plane.pid),
    description.idp.pid,
  ]) {
    await kill(pid);
  }

  for (const edge of edges) {
    for (let count = 0; count < requestsEach; count += 1) {
      const url = pageOn(description, `/after/${count}`, { edge });
      const answer = await browser.ask(url, { headers: json });
      expect(answer.status, answer.text).toBe(200);
      expect(answer.text).toContain(alice.email);
    }
  }

  // Who is not signed in is not let in: a page that says so, from both edges.
  const carol = userOf(description, 'carol');
  const stranger = await Browser.open(description, carol.device);
  for (const edge of edges) {
    const answer = await stranger.ask(pageOn(description, '/', { edge }));
    expect(answer.status).toBe(503);
    expect(answer.headers['content-type']).toContain('text/html');
  }
  await Promise.all([browser.close(), stranger.close()]);
});
