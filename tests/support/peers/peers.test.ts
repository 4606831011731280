import { request } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { caddyIsThere, startCaddy } from './caddy.ts';
import { haproxyIsThere, startHaproxy } from './haproxy.ts';
import { nginxIsThere, startNginx } from './nginx.ts';
import { findProgram, type Peer, startProgram } from './program.ts';

const started: Peer[] = [];
afterEach(async () => {
  for (const peer of started.splice(0)) await peer.stop();
});

/** What it answers, how many processes it is, and what is left of it at the end. */
async function look(peer: Peer): Promise<unknown> {
  started.push(peer);
  // On a connection that is not kept: a new one is asked for below.
  const answer = await request(`http://127.0.0.1:${peer.port}/`, { reset: true });
  const text = await answer.body.text();
  const pids = peer.pids();
  await peer.stop();
  const gone = await request(`http://127.0.0.1:${peer.port}/`).then(
    () => 'still there',
    (error: NodeJS.ErrnoException) => error.code,
  );
  return { text, several: pids.length > 1, gone };
}

describe('servers of other projects', () => {
  it.skipIf(!nginxIsThere)('are started and ended: nginx', async () => {
    const http = (port: number) =>
      `server { listen 127.0.0.1:${port}; location / { return 200 "nginx"; } }`;
    expect(await look(await startNginx({ http }))).toEqual({
      text: 'nginx',
      several: true,
      gone: 'ECONNREFUSED',
    });
  });

  it.skipIf(!haproxyIsThere)('are started and ended: HAProxy', async () => {
    const peer = await startHaproxy(
      (port) => `frontend all
  bind 127.0.0.1:${port}
  http-request return status 200 content-type text/plain string haproxy`,
    );
    expect(await look(peer)).toMatchObject({ text: 'haproxy', gone: 'ECONNREFUSED' });
  });

  it.skipIf(!caddyIsThere)('are started and ended: Caddy', async () => {
    const peer = await startCaddy(
      (port) => `http://127.0.0.1:${port} {
  respond "caddy"
}`,
    );
    expect(await look(peer)).toMatchObject({ text: 'caddy', gone: 'ECONNREFUSED' });
  });

  it('say what they said where they do not start', async () => {
    const failing = startProgram({
      program: 'sh',
      prepare: () => Promise.resolve(['-c', 'echo no such thing >&2; exit 3']),
    });
    await expect(failing).rejects.toThrow(/sh does not start:\nno such thing/);
  });

  it('are not started where they are not on this machine', async () => {
    expect(findProgram('no-such-program')).toBeNull();
    const failing = startProgram({
      program: 'no-such-program',
      prepare: () => Promise.resolve([]),
    });
    await expect(failing).rejects.toThrow('no-such-program is not on this machine');
  });
});
