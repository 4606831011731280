import type { TestEdge } from './edge.ts';
import { issue } from './pki.ts';
import { Recorder } from './recorder.ts';

/** A further address of an upstream, `https://<name>.corp.localhost:<port>`. */
export interface ExtraTarget {
  readonly url: string;
  readonly recorder: Recorder;
}

export async function startTarget(edge: TestEdge, name: string): Promise<ExtraTarget> {
  const host = `${name}.corp.localhost`;
  const identity = await issue(edge.pki.upstream, {
    commonName: name,
    dns: [host],
    usage: 'server',
    days: 5,
  });
  const recorder = await Recorder.start(identity, edge.pki.edge.certificatePem);
  return { url: `https://${host}:${recorder.port}`, recorder };
}
