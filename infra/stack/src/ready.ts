import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';

const pollMs = 25;

/** Waits until GET on the URL answers 200. Rejects with what was last seen after `msMax`. */
export async function waitReady(url: string, msMax: number): Promise<void> {
  const giveUpAt = performance.now() + msMax;
  let last = 'no answer';
  while (performance.now() < giveUpAt) {
    try {
      const response = await request(url, { headersTimeout: 2_000, bodyTimeout: 2_000 });
      const text = await response.body.text();
      if (response.statusCode === 200) return;
      last = `${response.statusCode} ${text.slice(0, 500)}`;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await sleep(pollMs);
  }
  throw new Error(`${url} was not ready after ${msMax / 1000} s: ${last}`);
}
