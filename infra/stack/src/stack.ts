/**
 * The contract of the development stack: what `stack up --json` prints in one line and what every
 * test, benchmark and outside tool starts from. Fields are added, never renamed.
 */
export interface StackDescription {
  readonly controlPlanes: readonly ControlPlaneDescription[];
  readonly edges: readonly EdgeDescription[];
  /** Names only: every edge serves all of them on its own port. */
  readonly hosts: { readonly wiki: string; readonly reports: string; readonly admin: string };
  /**
   * Loopback addresses that are front proxies by the demo's configuration: who connects to an edge
   * from the first says by PROXY protocol version 2 where the client is, from the second by
   * X-Forwarded-For.
   */
  readonly fronts: { readonly proxyV2: string; readonly forwardedFor: string };
  readonly postgres: { readonly url: string; readonly pid: number };
  /** With `tls://`; who connects shows a certificate of an edge or of a control plane. */
  readonly nats: { readonly url: string; readonly pid: number } | null;
  readonly idp: { readonly issuer: string; readonly pid: number };
  readonly users: readonly StackUser[];
  /** Bearer tokens of the admin API, one for each role. */
  readonly tokens: {
    readonly owner: string;
    readonly policyAdmin: string;
    readonly responder: string;
    readonly viewer: string;
  };
  /** PEM file: verifies the edges, the admin API and the identity provider. */
  readonly ca: string;
  readonly upstream: { readonly url: string; readonly pid: number };
  /** Of every process by its name: `control-plane-1`…, `edge-1`…, `idp`, `upstream`. */
  readonly pids: Readonly<Record<string, number>>;
  /** Everything the stack keeps; gone after it unless it was told to keep it. */
  readonly dir: string;
}

export interface ControlPlaneDescription {
  readonly name: string;
  /** Base of the admin API. */
  readonly url: string;
  /** host:port */
  readonly grpc: string;
  readonly ops: string;
  readonly pid: number;
}

export interface EdgeDescription {
  readonly name: string;
  readonly id: string;
  readonly region: string;
  /** What rings of a rollout choose by: `ring=canary` on the first of several. */
  readonly labels: Readonly<Record<string, string>>;
  /** `https://127.0.0.1:<port>`: connect here, with one of the hosts as the name. */
  readonly url: string;
  readonly port: number;
  /** Health, readiness and metrics, plain HTTP on loopback. */
  readonly ops: string;
  readonly pid: number;
}

export interface StackUser {
  readonly name: string;
  readonly email: string;
  readonly password: string;
  readonly class: 'employee' | 'contractor' | 'admin';
  readonly groups: readonly string[];
  /** Enrolled for this user; PEM files. */
  readonly device: { readonly id: string; readonly cert: string; readonly key: string };
}

/** One part of the stack that connects to another. */
export interface StackLink {
  /** Name of the process that connects. */
  readonly from: string;
  /** Name of the process that it connects to. */
  readonly to: string;
  /** host:port */
  readonly target: string;
}

/** Where the process is told to connect, host:port. */
export type Reach = (link: StackLink) => Promise<string>;
