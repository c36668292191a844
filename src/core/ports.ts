/** What the core needs from the world, as interfaces. Adapters implement them; tests implement them in memory. */

import type { Secret } from './secret.ts'

declare const brand: unique symbol
type Brand<Name extends string> = string & { readonly [brand]: Name }

/** A secret version's id: the ClientRequestToken that made it, 32 to 64 characters. */
export type VersionId = Brand<'VersionId'>
/** The full ARN of a secret, with its six-character suffix. */
export type SecretArn = Brand<'SecretArn'>
/** Milliseconds since 1970. */
export type Millis = number

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

export interface Clock {
  now(): Millis
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: Millis, signal?: AbortSignal): Promise<void>
}

// ── Journal ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export type Detail = Readonly<Record<string, string | number | boolean | null>>

/**
 * What the core counts, each of one registry but for the first two: another writer was first; seconds since the current
 * version was made; seconds that a credential had to live when it was promoted; how much of its life is over, in percent;
 * days until it, or the root that mints it, dies.
 */
export type Measure =
  | 'CasConflict'
  | 'VersionAge'
  | 'TtlAtPromotion'
  | 'CredentialLifeUsed'
  | 'CredentialDaysLeft'
  | 'RootDaysLeft'

/** Where the core tells what it does. Shells turn it into a log, annotations or JSON lines. */
export interface Journal {
  /** Registers every spelling of a credential with whatever hides secrets in this shell. Called where it is born. */
  mask(secret: Secret, username?: string): void
  /** A new part of the story begins. */
  phase(title: string): void
  info(message: string, detail?: Detail): void
  warn(message: string, detail?: Detail): void
  /** How far something is: where it can, it takes the place of what was told before. Shells without it: `info`. */
  progress?(message: string, detail?: Detail): void
  /** Only shells that keep numbers over time have it. */
  measure?(name: Measure, value: number, registry?: string): void
}

/** Somebody asks this process to stop, with Ctrl-C or by cancelling a workflow. */
export interface Interrupt {
  /** Asked for when something begins that can be left; until then a signal ends the process at once. */
  signal(): AbortSignal
  /** What becomes of a rollout that is under way then. */
  readonly rollout: 'goes-on' | 'cancelled'
}

// ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string | Secret>>
  readonly body?: string | Secret
  /** From connect to the last byte of the body; default 10 s. */
  readonly timeoutMs?: Millis
}

/**
 * An answer, or why there is none. `unreachable`: no connection, so the request took no effect. `lost`: it was sent and
 * the answer did not arrive whole in time, so it may have taken effect. Redirects are answers: they are never followed.
 */
export type HttpAnswer =
  | {
      readonly kind: 'answer'
      readonly status: number
      /** Names in lower case; several values of one name joined with `, `. */
      readonly headers: Readonly<Record<string, string>>
      readonly body: Secret
    }
  | { readonly kind: 'unreachable'; readonly reason: string }
  | { readonly kind: 'lost'; readonly reason: string }

/** Plain HTTPS for registries and token APIs. Never throws for what the network does. */
export interface Http {
  send(request: HttpRequest): Promise<HttpAnswer>
}

// ── The secret store ─────────────────────────────────────────────────────────────────────────────────────────────────

export interface SecretDescription {
  readonly arn: SecretArn
  readonly name: string
  /** Staging labels by version id; versions without a label may be missing. */
  readonly versions: ReadonlyMap<VersionId, readonly string[]>
  readonly rotationEnabled: boolean
  readonly rotationFunction: string | null
  /** null: it has no schedule. */
  readonly rotationRules: RotationRules | null
}

/** When Secrets Manager rotates a secret, in its own words. */
export interface RotationRules {
  /** `rate(…)` or `cron(…)`. */
  readonly scheduleExpression: string | null
  /** `3h`; null = the default window. */
  readonly duration: string | null
  /** Without an expression it is the schedule; beside one Secrets Manager works it out from there. */
  readonly automaticallyAfterDays: number | null
}

export interface StoredVersion {
  readonly versionId: VersionId
  readonly text: Secret
  readonly createdAt: Millis
}

/**
 * Secrets Manager, as far as the core uses it. All methods throw `PullAuthError`: SECRET_NOT_FOUND, VERSION_NOT_FOUND,
 * VERSION_EXISTS, LABEL_MOVED, ROTATION_RUNNING, ACCESS_DENIED, AWS_THROTTLED, AWS_REFUSED, and AWS_UNAVAILABLE when
 * the call may have taken effect. Everything is eventually consistent (facts: read by version id, retry not-found).
 */
export interface SecretStore {
  describe(secret: string): Promise<SecretDescription>
  /** By version, by label, or by both: then LABEL_MOVED when the label is not on that version. */
  read(secret: string, at: { version?: VersionId; label?: string }): Promise<StoredVersion>
  /** Same version and same text again is a no-op; same version and another text is VERSION_EXISTS. */
  put(secret: SecretArn, value: NewVersion): Promise<void>
  /** A compare-and-swap: `from` must hold the label, else LABEL_MOVED. Not idempotent: a repeat after success is LABEL_MOVED. */
  moveLabel(secret: SecretArn, move: { label: string; from?: VersionId; to?: VersionId }): Promise<void>
  /** Starts the rotation that is configured on the secret, under a version id of ours. */
  startRotation(secret: SecretArn, version: VersionId): Promise<void>
}

export interface NewVersion {
  readonly version: VersionId
  readonly text: Secret
  readonly label: string
  readonly rotationToken?: Secret
}

// ── Objects ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** S3, as far as outputs use it. Throws ACCESS_DENIED, AWS_REFUSED, AWS_UNAVAILABLE. */
export interface ObjectStore {
  /** null: there is no such object. `version` is what an earlier `put` of ours noted. */
  head(bucket: string, key: string): Promise<{ readonly etag: string; readonly version: string | null } | null>
  /** A compare-and-swap on the ETag; `replaces: null` = there must be none yet. */
  put(bucket: string, key: string, object: NewObject): Promise<'written' | 'conflict'>
}

export interface NewObject {
  readonly text: Secret
  readonly version: VersionId
  /** null = the bucket's own encryption. */
  readonly kmsKey: string | null
  readonly replaces: string | null
}

// ── The fleet ────────────────────────────────────────────────────────────────────────────────────────────────────────

export type CommandStatus =
  | 'Pending'
  | 'InProgress'
  | 'Delayed'
  | 'Cancelling'
  | 'Success'
  | 'Cancelled'
  | 'Failed'
  | 'TimedOut'
  | 'DeliveryTimedOut'
  | 'ExecutionTimedOut'
  | 'Incomplete'
  | 'LimitExceeded'
  | 'AccessDenied'
  | 'NoInstancesInTag'

export type InvocationStatus =
  | 'Pending'
  | 'InProgress'
  | 'Delayed'
  | 'Cancelling'
  | 'Success'
  | 'Cancelled'
  | 'Failed'
  | 'TimedOut'
  | 'DeliveryTimedOut'
  | 'ExecutionTimedOut'
  | 'Undeliverable'
  | 'Terminated'
  | 'InvalidPlatform'
  | 'AccessDenied'

export interface DocumentDescription {
  readonly name: string
  readonly version: string
  /** SHA-256 of the content, in hex. */
  readonly hash: string
  readonly active: boolean
}

/** Target keys of Systems Manager with their values: every key must match an instance, any of its values may. */
export type Targets = Readonly<Record<string, readonly string[]>>

export interface CommandOrder {
  readonly document: DocumentDescription
  readonly targets: Targets
  readonly parameters: Readonly<Record<string, string>>
  readonly maxConcurrency: string
  readonly maxErrors: string
  /** How long an offline instance is waited for: 30 s to 30 days. */
  readonly timeoutSeconds: number
  /** At most 100 characters. Names the secret version, so that a lost answer can be found again. */
  readonly comment: string
  /** A CloudWatch alarm that stops the command; null = none. */
  readonly alarm: string | null
}

/** One Run Command, as `ListCommands` tells it. Counts start at 0 before targets are known. */
export interface Command {
  readonly id: string
  readonly status: CommandStatus
  readonly comment: string
  readonly document: string
  readonly parameters: Readonly<Record<string, string>>
  readonly targets: number
  readonly completed: number
  readonly errors: number
  readonly deliveryTimedOut: number
  readonly requestedAt: Millis
  /** When Systems Manager gives up what has not ended: nothing runs any more by then. null = not told. */
  readonly expiresAt: Millis | null
}

export interface Invocation {
  readonly instanceId: string
  readonly status: InvocationStatus
  /** The first 2,500 characters of what the node printed. */
  readonly output: string
  /** By the instance's own clock; null while it runs, and when it never ran. */
  readonly finishedAt: Millis | null
}

/** Systems Manager, as far as the core uses it. Throws like `SecretStore`; `send` also DOCUMENT_MISSING, COMMAND_REFUSED. */
export interface Fleet {
  document(name: string): Promise<DocumentDescription | null>
  /** Asked once, never repeated by the adapter: SendCommand has no idempotency token. */
  send(order: CommandOrder): Promise<string>
  /** Recent commands of a document, newest first. */
  recent(document: string, since: Millis): Promise<readonly Command[]>
  /** null: not visible yet. */
  command(id: string): Promise<Command | null>
  invocations(id: string, status?: InvocationStatus): AsyncIterable<Invocation>
  /** The ids of all instances that a command matched, without what they printed. */
  targets(id: string): AsyncIterable<string>
  /** Instances under targets that are connected to Systems Manager: the first ones, in the order of their ids. Tags or InstanceIds only. */
  connected(targets: Targets, most: number): Promise<readonly string[]>
  /** Which of these instances Systems Manager knows, connected or not. One that it does not know was terminated or deregistered. */
  known(instanceIds: readonly string[]): Promise<ReadonlySet<string>>
  cancel(id: string): Promise<void>
}

// ── Automation ───────────────────────────────────────────────────────────────────────────────────────────────────────

export interface RunbookOrder {
  readonly runbook: string
  /** A UUID: the same one again is the same run. */
  readonly token: string
  readonly parameters: Readonly<Record<string, readonly string[]>>
  readonly alarm: string | null
  /** Empty = this account and Region. */
  readonly locations: readonly RunbookLocation[]
}

export interface RunbookLocation {
  readonly accounts: readonly string[]
  readonly regions: readonly string[]
  /** Name of the role there; null = AWS-SystemsManager-AutomationExecutionRole. */
  readonly role: string | null
}

/** One run of a runbook. */
export interface Execution {
  readonly id: string
  /** As the service spells it; there are about twenty. */
  readonly status: string
  readonly ended: boolean
  /** By the service's clock; null = not told. */
  readonly startedAt: Millis | null
  readonly parameters: Readonly<Record<string, string>>
  /** Those that have begun. */
  readonly steps: readonly { readonly name: string; readonly status: string }[]
}

/** Systems Manager Automation, as far as the core uses it. Throws like `Fleet`. */
export interface Automation {
  /** Whether there is an active runbook of this name or ARN. */
  exists(runbook: string): Promise<boolean>
  /** null: the token belongs to a run with other parameters. Repeated by the adapter: the token makes that safe. */
  start(order: RunbookOrder): Promise<string | null>
  /** Ids of the latest runs of a runbook, newest first; a run with locations without those that it started there. */
  recent(runbook: string, since: Millis): Promise<readonly string[]>
  /** null: not visible yet. */
  execution(id: string): Promise<Execution | null>
  stop(id: string): Promise<void>
}

export interface ContainerInstance {
  /** As Systems Manager has it: `i-…`, or `mi-…` for an external one. */
  readonly instanceId: string
  /** When it first registered with the cluster; null = not told. */
  readonly registeredAt: Millis | null
  /** Its agent is connected to ECS. */
  readonly connected: boolean
}

/** ECS, as far as the core uses it. Throws CLUSTER_MISSING, ACCESS_DENIED, AWS_CREDENTIALS, AWS_THROTTLED, AWS_UNAVAILABLE, AWS_REFUSED. */
export interface Cluster {
  /** Every container instance of a cluster whose agent may run, connected or not; the cluster by its name or ARN. */
  instances(cluster: string): AsyncIterable<ContainerInstance>
}

// ── Registries ───────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Credential {
  readonly username: string
  readonly password: Secret
}

/** How a source of credentials behaves when a new one is asked for (facts/registries.md section 2). */
export type RotationClass = 'exchange' | 'create-delete' | 'two-slot' | 'destructive' | 'self-rotating' | 'static'

export interface ProviderTraits {
  readonly rotation: RotationClass
  /** Seconds; null = the source sets no bound or does not expire. */
  readonly ttl: {
    readonly min: number | null
    readonly max: number | null
    readonly default: number | null
    /** `none`: a life cannot be asked for. */
    readonly granularity: 'second' | 'day' | 'none'
  }
  readonly revoke: 'immediate' | 'by-expiry' | 'none'
  /** How the source is authenticated to. */
  readonly identity: readonly ('github-oidc' | 'aws-sigv4' | 'aws-oidc' | 'stored-root' | 'none')[]
  readonly hosts: readonly ('action' | 'lambda' | 'cli')[]
  /** What this provider was proven against, in one clause: nothing here has run against the hosted service unless it says so. */
  readonly evidence: string
}

/** What a provider may use. */
export interface ProviderContext {
  readonly http: Http
  readonly clock: Clock
  readonly journal: Journal
  /** The text of a credential secret, by name or ARN. */
  readSecret(name: string): Promise<Secret>
  /**
   * A short-lived JWT that says who runs us, for one audience: GitHub's ID token inside a workflow, else the role's from
   * AWS outbound identity federation. `only`: a registry that trusts no other issuer. Throws IDENTITY_UNAVAILABLE.
   */
  identityToken(audience: string, only?: 'github'): Promise<Secret>
  /** The headers to send with a request so that AWS takes it from the role or user that runs us (Signature Version 4). */
  signAws(request: AwsRequest): Promise<AwsHeaders>
}

export interface AwsRequest {
  /** As in the credential scope. */
  readonly service: 'ecr' | 'ecr-public' | 'ecs' | 'iam' | 's3' | 'sts'
  /** null = the Region that this process works in. */
  readonly region: string | null
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  /** `{region}` in it becomes the Region. null = the service's own endpoint there, or the one that is configured for it. */
  readonly url: string | null
  /** Below a `null` url; default `/`. */
  readonly path?: string
  /** Signed too. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Secret
  /** Default: the role or user that runs us. */
  readonly keys?: AwsKeys
}

/** A stored access key, for an account that the role that runs us cannot reach: one of another partition. */
export interface AwsKeys {
  readonly accessKeyId: string
  readonly secretAccessKey: Secret
}

export interface AwsHeaders {
  readonly url: string
  readonly region: string
  /** All that must be sent, `host` included; signatures and session tokens are wrapped. */
  readonly headers: Readonly<Record<string, string | Secret>>
}

export interface MintRequest {
  /** Names the token at the registry, so that one whose answer was lost can be found: `ecs-pull-auth/<secret>/<version>`. */
  readonly label: string
  /** Seconds asked for; null = the provider's default. */
  readonly ttl: number | null
  /**
   * Handles of this entry that may be in use, the current one first, then those of earlier versions that nobody is known
   * to have revoked. Sources with few slots must not touch these.
   */
  readonly inUse: readonly JsonValue[]
}

export interface Minted extends Credential {
  readonly issuedAt: Millis
  /** null = does not expire, or the registry does not tell. */
  readonly expiresAt: Millis | null
  /** Not secret: with it alone (and the root it names) the credential can be revoked. null = nothing to revoke. */
  readonly handle: JsonValue
}

export type Revocation = 'revoked' | 'already-gone' | 'by-expiry'

/** A minted token found at its registry by its label. */
export interface Found {
  readonly label: string
  readonly handle: JsonValue
}

/**
 * A source of credentials for one kind of registry. Errors: MINT_REJECTED, MINT_NOT_PERMITTED, MINT_RATE_LIMITED,
 * MINT_UNAVAILABLE, MINT_AMBIGUOUS, CREDENTIAL_INVALID, REVOKE_FAILED.
 */
export interface Provider<Config = unknown> {
  readonly kind: string
  readonly summary: string
  readonly traits: ProviderTraits
  /** The provider's own fields of a plan's registry entry. */
  readonly options: FieldTable
  /** Checks what fields alone cannot say; returns the provider's config or problems by field. */
  parse(fields: Readonly<Record<string, unknown>>, registry: string): Config | readonly FieldProblem[]
  /** For a source that the plan itself describes: what it says in place of the traits, and the secrets that it names inside texts. */
  declared?(config: Config): Declared
  mint(cx: ProviderContext, config: Config, request: MintRequest): Promise<Minted>
  /** Live tokens whose label begins with the prefix. */
  find?(cx: ProviderContext, config: Config, labelPrefix: string): Promise<readonly Found[]>
  /**
   * Works from the handle, so that a changed plan cannot strand a credential. The handle comes from the stored config:
   * whoever may write that must not choose where a root credential is sent. `planned` are the configs that today's plan
   * has for this provider; a handle with a root is good only where one of them, or the root secret itself, says so.
   */
  revoke?(cx: ProviderContext, handle: JsonValue, planned: readonly Config[]): Promise<Revocation>
  /** When the root that mints dies itself; null = never, or the source does not tell. */
  rootExpiry?(cx: ProviderContext, config: Config): Promise<Millis | null>
  /** What its calls ask of AWS beyond the secrets of its plan; none without it. Where it revokes, it asks the same for that. */
  permissions?(config: Config, registry: string): readonly AwsPermission[]
}

/** `identityToken`: only where no workflow gives GitHub's. */
export type AwsPermission =
  | { readonly identityToken: string }
  | {
      readonly action: string
      /** An ARN, `{partition}` in it; default `*`, for an action that knows no resource. */
      readonly resource?: string
      /** Condition keys that must equal a text. */
      readonly equals?: Readonly<Record<string, string>>
    }

export interface Declared extends Pick<ProviderTraits, 'rotation' | 'revoke'> {
  readonly secrets: readonly string[]
}

export interface FieldProblem {
  readonly field: string
  readonly problem: string
}

/** One field of the plan: drives validation, messages and the JSON Schema alike. */
export interface Field {
  /** `object`: has `fields` of its own; `texts`: texts by names that the user chooses; `json`: any JSON value. */
  readonly kind:
    | 'string'
    | 'secret'
    | 'url'
    | 'duration'
    | 'boolean'
    | 'integer'
    | 'choice'
    | 'object'
    | 'texts'
    | 'json'
  readonly description: string
  readonly required?: boolean
  readonly choices?: readonly string[]
  readonly example?: string
  /** A duration that may also be `0s`. */
  readonly zero?: boolean
  /** Those of an `object`. */
  readonly fields?: FieldTable
}

export type FieldTable = Readonly<Record<string, Field>>

export type Verdict =
  | 'pull-ok'
  | 'rejected'
  | 'login-ok-pull-denied'
  | 'accepted-but-public'
  | 'public-login-unknown'
  | 'tag-missing'
  | 'unknown'

export interface Proof {
  readonly verdict: Verdict
  /** One sentence for people; no secret, no response body. */
  readonly detail: string
  /** How long the registry asks to be left alone, if it does. */
  readonly retryAfter?: Millis
}

/**
 * Really pulls a manifest's headers with a credential (facts/registries.md section 4). `realm`: the host of a token realm
 * that may be sent the credential although it is another site than the registry's.
 */
export type PullVerifier = (image: string, credential: Credential, realm?: string | null) => Promise<Proof>
