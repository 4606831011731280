import { createLog } from '@sallyport/shared/log';
import { describe, expect, it } from 'vitest';
import { StreamLog } from './stream-log.ts';

const failed = { reason: 'failed', detail: 'UNAVAILABLE', next: true, retryAfterMs: null };
const cut = { ...failed, next: false };
const silence = { ...failed, reason: 'silence' };

/** The log of a stream to one of two control planes, and its lines in short. */
function streamLog() {
  const clock = { nowMs: 0 };
  const lines: string[] = [];
  const log = createLog('info', {}, (text) => {
    const { event, server, reason, count } = JSON.parse(text) as Record<string, string>;
    lines.push([event, server, reason, count].filter((one) => one !== undefined).join(' '));
  });
  const channel = {
    address: (target: number) => `cp-${target % 2}:443`,
    trouble: () => Promise.resolve('nothing listens there'),
  };
  const stream = new StreamLog({ stream: 'revoke', channel, log, nowMs: () => clock.nowMs });
  return { stream, lines, clock };
}

describe('the log of a stream', () => {
  it('explains the first attempt in vain, also after the end of one that was open', async () => {
    const { stream, lines } = streamLog();
    stream.opening();
    stream.opened(0, { revoke: 'tail' });
    stream.opened(0, { revoke: 'tail' });
    stream.ended(0, cut);
    for (let attempt = 0; attempt < 10; attempt += 1) {
      stream.opening();
      stream.ended(attempt, failed);
    }
    await Promise.resolve();
    const once = [
      'sync.stream_opened cp-0:443',
      'sync.stream_ended cp-0:443 failed 1',
      'sync.control_plane_unreachable cp-0:443',
    ];
    expect(lines.splice(0)).toEqual(once);
    stream.opening();
    stream.opened(0, { revoke: 'tail' });
    stream.ended(0, { ...cut, reason: 'silence' });
    stream.opening();
    stream.ended(1, failed);
    await Promise.resolve();
    expect(lines).toContain('sync.control_plane_unreachable cp-1:443');
  });

  it('tells of attempts in vain once a minute, with how many there were, and of another reason', () => {
    const { stream, lines, clock } = streamLog();
    const fail = (end: typeof failed) => {
      stream.opening();
      stream.ended(0, end);
      clock.nowMs += 3_000;
    };
    for (let attempt = 0; attempt < 41; attempt += 1) fail(cut);
    fail(silence);
    expect(lines).toEqual([
      'sync.stream_ended cp-0:443 failed 1',
      'sync.stream_ended cp-0:443 failed 20',
      'sync.stream_ended cp-0:443 failed 20',
      'sync.stream_ended cp-0:443 silence 1',
    ]);
  });

  it('tells of each end of a stream that was open', () => {
    const { stream, lines } = streamLog();
    for (let time = 0; time < 3; time += 1) {
      stream.opening();
      stream.opened(0, { revoke: 'tail' });
      stream.ended(0, silence);
    }
    expect(lines.filter((line) => line.includes('stream_ended'))).toHaveLength(3);
  });
});
