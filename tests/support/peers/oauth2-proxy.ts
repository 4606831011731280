import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import { findProgram, type Peer, startProgram } from './program.ts';

/** Debian has none: it is used where somebody has put it on the path. */
export const oauth2ProxyIsThere = findProgram('oauth2-proxy') !== null;

const user = 'bench';

/** An oauth2-proxy that answers `auth_request`, and the cookie of somebody signed in at it. */
export async function startOauth2Proxy(
  core: number,
): Promise<{ readonly peer: Peer; readonly cookie: string }> {
  const password = randomBytes(16).toString('hex');
  const peer = await startProgram({
    program: 'oauth2-proxy',
    core,
    prepare: async (dir, port) => {
      const passwords = join(dir, 'htpasswd');
      const hash = createHash('sha1').update(password).digest('base64');
      await writeFile(passwords, `${user}:{SHA}${hash}\n`, { mode: 0o600 });
      return [
        `--http-address=127.0.0.1:${port}`,
        // Nobody goes to a provider: the form with user and password is enough for a session.
        '--provider=github',
        '--client-id=bench',
        '--client-secret=bench',
        `--htpasswd-file=${passwords}`,
        `--cookie-secret=${randomBytes(16).toString('hex')}`,
        '--cookie-secure=false',
        '--email-domain=*',
        '--upstream=static://202',
        '--reverse-proxy=true',
        '--set-xauthrequest=true',
        '--request-logging=false',
        '--auth-logging=false',
      ];
    },
  });
  try {
    const answer = await request(`http://127.0.0.1:${peer.port}/oauth2/sign_in`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ username: user, password }).toString(),
    });
    await answer.body.dump();
    const set = [answer.headers['set-cookie'] ?? []].flat();
    const cookie = set.map((line) => line.split(';', 1)[0] ?? '').join('; ');
    if (!cookie.includes('_oauth2_proxy=')) throw new Error(`no session: ${answer.statusCode}`);
    return { peer, cookie };
  } catch (error) {
    await peer.stop();
    throw error;
  }
}
