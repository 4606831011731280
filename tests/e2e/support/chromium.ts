import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import type { StackDescription, StackUser } from '@sallyport/stack';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';

const executablePath = '/usr/bin/chromium';
const screenshots = join(
  import.meta.dirname,
  '..',
  '..',
  '..',
  'node_modules',
  '.cache',
  'screenshots',
);

/** Whether Debian's Chromium is on this machine. */
export const chromiumIsThere = existsSync(executablePath);

export interface Window {
  readonly browser: Browser;
  /** A fresh profile on this user's device, or with null on none. */
  profile(device: StackUser['device'] | null): Promise<BrowserContext>;
  close(): Promise<void>;
}

/** Starts Chromium for a stack. Its client certificates are presented by playwright's own proxy. */
export async function openChromium(stack: StackDescription): Promise<Window> {
  const loopback = await startLoopbackProxy();
  const browser = await chromium.launch({
    executablePath,
    // Chromium's sandbox does not run as root; small /dev/shm on test machines.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  });
  const names = [...Object.values(stack.hosts), 'signin.corp.localhost'];
  const origins = names.flatMap((name) => stack.edges.map(({ port }) => `https://${name}:${port}`));
  return {
    browser,
    profile: (device) =>
      browser.newContext({
        // The authority of this stack is new each time; TLS to it is tested with curl and undici.
        ignoreHTTPSErrors: true,
        proxy: { server: loopback.url },
        viewport: { width: 1100, height: 760 },
        ...(device === null
          ? {}
          : {
              clientCertificates: origins.map((origin) => ({
                origin,
                certPath: device.cert,
                keyPath: device.key,
              })),
            }),
      }),
    close: async () => {
      await browser.close();
      loopback.close();
    },
  };
}

/** A file for a picture, for people to look at. */
export async function screenshotFile(name: string): Promise<string> {
  await mkdir(screenshots, { recursive: true });
  return join(screenshots, `${name}.png`);
}

/**
 * A CONNECT proxy for which every name is this machine: with client certificates it is not Chromium
 * that connects but playwright, and Node does not know names under `.localhost`.
 */
async function startLoopbackProxy(): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((_, response) => response.writeHead(400).end());
  server.on('connect', (request, client, head) => {
    const port = Number(/:(\d+)$/.exec(request.url ?? '')?.[1]);
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      upstream.write(head);
      upstream.pipe(client);
      client.pipe(upstream);
    });
    const end = (): void => {
      upstream.destroy();
      client.destroy();
    };
    for (const socket of [upstream, client]) socket.on('error', end).on('close', end);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
