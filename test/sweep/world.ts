/**
 * A whole world in one process: both AWS doubles with their engines, a GitLab, two registries, a fleet, a queue, and the
 * shipped functions, job, provider and pull verifier between them. No socket, no chance, no wall clock.
 */

import { shippedRunbook } from '../../deploy/make-runbook.mjs'
import { type BatchResponse, createReactHandler } from '../../lambda/react-handler.ts'
import { createRotateHandler, type LambdaWorld } from '../../lambda/rotate-handler.ts'
import { createAutomation } from '../../src/aws/automation.ts'
import { createFleet } from '../../src/aws/fleet.ts'
import type { AwsClient } from '../../src/aws/json-api.ts'
import { createSecretStore } from '../../src/aws/secret-store.ts'
import { asPullAuthError } from '../../src/core/errors.ts'
import { type JobPorts, type JobReport, runJob } from '../../src/core/job.ts'
import { mintLabel } from '../../src/core/mint-label.ts'
import { rolloutSeconds } from '../../src/core/plan-rollout.ts'
import type { Journal, Millis, VersionId } from '../../src/core/ports.ts'
import { PROVIDERS } from '../../src/registries/table.ts'
import { createPullVerifier } from '../../src/registries/verify.ts'
import { secretReader } from '../../src/wiring.ts'
import { SecretsManagerDouble } from '../aws/secrets-manager.ts'
import { SsmDouble } from '../aws/ssm.ts'
import type { RotationEvent, StoredSecret } from '../aws/stored-secret.ts'
import { AwsRefusal, type Json, type Operations } from '../aws/wire.ts'
import { type AwsEvent, World } from '../aws/world.ts'
import { createGitlab, type DeployToken } from '../doubles/gitlab.ts'
import { noCluster, noIdentity, noObjects } from '../doubles/no-identity.ts'
import { createRegistry, type Registry } from '../doubles/registry.ts'
import { SERVICE } from '../doubles/token-service.ts'
import { Calls, Invocation } from './calls.ts'
import { awsClient, plainHttp, type Site } from './clients.ts'
import { loginsIn, supersededIn, unmanagedOf } from './config-text.ts'
import type { Strikes } from './faults.ts'
import {
  CONTENT,
  DOCUMENT,
  FIRST_VERSION,
  GITLAB,
  IMAGE,
  KEPT,
  type Layout,
  ROOT,
  RUNBOOK,
  SECRET,
  tokenText,
  uuid,
} from './layout.ts'
import { Ledger } from './ledger.ts'
import { Node } from './node.ts'
import { Queue } from './queue.ts'
import { START, Timeline } from './timeline.ts'
import { Watch } from './watch.ts'

export interface Setup {
  readonly layout: Layout
  /** Whether Secrets Manager has a rotation function for the secret, and events reach the event function. */
  readonly functions: boolean
  /** How often Secrets Manager tries a rotation, and after what time again. */
  readonly attempts?: number
  readonly retryAfter?: Millis
  /** Orders calls that are made at once. */
  readonly seed: number
  readonly strikes: Strikes
  readonly tell: ((line: string) => void) | null
}

const FUNCTION = 'arn:aws:lambda:eu-west-1:111122223333:function:ecs-pull-auth-rotate'
/** Made once: thousands of worlds are built in a row. */
const RUNBOOK_TEXT = shippedRunbook()
/** The functions' timeout. */
const FUNCTION_TIME: Millis = 60_000
/** A workflow's job that gets no answer is cancelled after a while. */
const JOB_TIME: Millis = 60 * 60_000

export class SweepWorld {
  readonly timeline = new Timeline()
  readonly ledger = new Ledger(() => this.timeline.now())
  readonly calls: Calls
  readonly watch: Watch
  readonly nodes: readonly Node[]
  readonly stored: StoredSecret
  readonly reports: { readonly version: string; readonly report: JobReport | null }[] = []
  readonly #setup: Setup
  readonly #aws: World
  readonly #secrets: SecretsManagerDouble
  readonly #ssm: SsmDouble
  readonly #queue: Queue
  readonly #operations: Operations
  readonly #sites: ReadonlyMap<string, Site>
  readonly #rotationTokens = new Set<string>()
  readonly #counts = new Map<string, number>()
  #edits = 0
  #registry: Registry | null = null
  #tokens: () => readonly DeployToken[] = () => []

  constructor(setup: Setup) {
    const { timeline, ledger } = this
    const { layout } = setup
    this.#setup = setup
    this.calls = new Calls(timeline, setup.strikes, setup.seed)
    this.calls.edit = () => this.edit()
    this.#queue = new Queue(timeline, (input) => this.#react(input))
    this.#aws = new World({
      clock: timeline,
      region: 'eu-west-1',
      account: '111122223333',
      newId: () => uuid('0', this.#next('id')),
      onEvent: (event) => this.#hear(event),
    })
    this.#aws.fail = (thrown) => this.watch.broken('defect', String(thrown instanceof Error ? thrown.stack : thrown))
    this.#secrets = new SecretsManagerDouble(this.#aws, {
      attempts: setup.attempts ?? 3,
      retryAfter: setup.retryAfter ?? 60_000,
      invokeLambda: (_, event) => this.#rotate(event),
    })
    this.stored = this.#secrets.create(SECRET, layout.firstText, FIRST_VERSION)
    this.#secrets.create(ROOT.name, ROOT.token, uuid('e', 1))
    const { username, password } = KEPT
    this.#secrets.create(KEPT.name, JSON.stringify({ username, password }), uuid('e', 2))
    if (setup.functions) this.#secrets.configureRotation(SECRET, FUNCTION)

    const ids = layout.instances
    this.#ssm = new SsmDouble(this.#aws, {
      instances: ids.map((id) => ({ id, tags: { 'ecs-pull-auth': 'prod' } })),
      visibility: { command: 0, counters: 0, invocations: 0 },
      runner: { run: ({ instanceId, env }) => this.#node(instanceId).run(env) },
    })
    this.#ssm.publishDocument(DOCUMENT, CONTENT)
    if (setup.layout.plan.fleet?.runbook != null) this.#ssm.automation.publish(RUNBOOK, RUNBOOK_TEXT)
    this.#operations = this.#watched({ ...this.#secrets.operations(), ...this.#ssm.operations() })
    this.nodes = ids.map((id) => {
      const parts = {
        timeline,
        calls: this.calls,
        operations: this.#operations,
        invocation: (name: string) => this.#invocation(name, 600_000, async () => undefined),
        onLoaded: (node: Node) => this.watch.loaded(node),
      }
      return new Node(id, layout.firstText, FIRST_VERSION, parts)
    })
    this.watch = new Watch({
      timeline,
      ledger,
      nodes: this.nodes,
      managed: layout.managed,
      leastLife: rolloutSeconds(layout.plan.fleet) * 1000,
      textAt: (label) => this.stored.text(label),
    })
    this.#sites = this.#openSites()
    this.watch.edited(layout.firstText)
    this.calls.tell = setup.tell
    this.watch.tell = setup.tell
    ledger.onRemoved = (account) => this.watch.revoked(account)
  }

  // ── What happens from outside ──────────────────────────────────────────────────────────────────────────────────────

  /** The schedule's own RotateSecret. False: an earlier rotation is not complete, and is tried again. */
  rotateOnSchedule(): string | null {
    const version = uuid('5', this.#next('schedule'))
    try {
      this.#run('RotateSecret', { SecretId: SECRET, ClientRequestToken: version })
      this.#setup.tell?.(`──── the schedule rotates to ${version}`)
      return version
    } catch (thrown) {
      if (!(thrown instanceof AwsRefusal)) throw thrown
      this.#setup.tell?.(`──── the schedule finds a rotation that is not complete`)
      return null
    }
  }

  /** A workflow runs the Action. `given`: its credentials come with the run, so it writes by itself. */
  async act(given = false): Promise<string> {
    const version = uuid('a', this.#next('action'))
    const invocation = this.#invocation(`action ${version.slice(-1)}`, JOB_TIME, () => this.act(given))
    this.#setup.tell?.(`──── an Action runs for ${version}`)
    const journal: Journal = {
      mask: () => undefined,
      phase: (title) => this.watch.printed(title),
      info: (message, detail) => this.watch.printed(`${message} ${JSON.stringify(detail ?? {})}`),
      warn: (message, detail) => this.watch.printed(`${message} ${JSON.stringify(detail ?? {})}`),
    }
    const job = runJob(this.#ports(invocation, journal), this.#setup.layout.plan, version as VersionId, given).then(
      (report) => this.#finished(version, report),
      (thrown) => this.#failed(version, thrown),
    )
    await Promise.race([job, invocation.killed])
    return version
  }

  /** Somebody changes a line that is none of ours, with whatever is current. */
  edit(): void {
    this.#edits += 1
    const text = (this.stored.text('AWSCURRENT') ?? '').replace(
      /^(ECS_RESERVED_MEMORY=)\d+$/m,
      `$1${256 + this.#edits}`,
    )
    this.watch.edited(text)
    this.#setup.tell?.(`──── somebody edits ECS_RESERVED_MEMORY`)
    const input = { SecretId: SECRET, ClientRequestToken: uuid('b', this.#edits), SecretString: text }
    this.#run('PutSecretValue', { ...input, VersionStages: ['AWSCURRENT'] })
  }

  /** From here on nothing is struck any more. */
  disarm(): void {
    this.calls.armed = false
  }

  /** Whether an instance gets a manifest with what its agent has loaded, asked as dockerd asks. */
  pulls({ loaded }: Node, key: string): boolean {
    const login = loginsIn(loaded).get(key)
    if (login === undefined) return false
    const [repository, tag] = IMAGE.split(':')
    const scope = `service=${SERVICE}&scope=repository:${repository}:pull&account=${login.username}`
    const basic = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`
    const ask = (path: string, headers: Readonly<Record<string, string>>) =>
      this.#registry?.answer({ method: 'GET', path, headers: { host: key, ...headers }, body: '' })
    const granted = ask(`/token?${scope}`, { authorization: basic })
    if (granted?.status !== 200) return false
    const authorization = `Bearer ${JSON.parse(String(granted.body)).token}`
    const accept = 'application/vnd.oci.image.index.v1+json'
    return ask(`/v2/${repository}/manifests/${tag}`, { authorization, accept })?.status === 200
  }

  /** Until everything has come to rest. */
  async rest(): Promise<void> {
    await this.timeline.run()
    for (const node of this.nodes) this.watch.pulls(node)
  }

  /**
   * Two worlds with the same digest go on alike: labels, what each labelled version names, which credentials live, what
   * instances have loaded. Names of versions and tokens are told apart by their order, times by ten minutes.
   */
  digest(): string {
    const now = this.timeline.now()
    const names = new Map(this.ledger.all().map(({ username }, at) => [username, `credential ${at}`]))
    const logins = (text: string | null) =>
      text === null ? [] : [...loginsIn(text).values()].map(({ username }) => names.get(username) ?? 'dead')
    const { versions } = this.stored
    const labelled = Object.entries(this.stored.labels()).map(([id, labels]) => {
      const text = this.stored.text(id)
      const superseded =
        text === null ? [] : supersededIn(text).map((id) => this.#tokens().some((one) => one.id === id))
      return [labels, logins(text), superseded, text === null ? null : unmanagedOf(text, this.#setup.layout.managed)]
    })
    const living = this.ledger
      .all()
      .map(({ username, expiresAt }) => [
        this.ledger.hasPulled(username),
        Math.ceil(((expiresAt ?? now) - START) / 600_000),
      ])
    const minted = this.#tokens().map(({ name }) => versions.labelsOf(/[^/]{36}(?=\/\d+#)/.exec(name)?.[0] ?? ''))
    const nodes = this.nodes.map(({ loaded, versions: ran }) => [logins(loaded), versions.labelsOf(ran.at(-1) ?? '')])
    const run = this.stored.run === null ? null : versions.labelsOf(this.stored.run.version)
    return JSON.stringify([labelled, living, minted, nodes, run])
  }

  labelHolder(label: string): string | undefined {
    return this.stored.versions.holder(label)
  }

  /** What must hold when everything is over. */
  finish(): void {
    const pending = this.labelHolder('AWSPENDING')
    if (pending !== undefined && pending !== this.labelHolder('AWSCURRENT'))
      this.watch.broken('I4', `AWSPENDING is stuck on ${pending}`)
    this.watch.leaks(({ username }) => username !== KEPT.username)
  }

  /** What must hold whenever nothing goes on. */
  checkRest(): void {
    for (const { detail } of this.#queue.dead)
      this.watch.broken('I4', `the queue gave up an event: ${JSON.stringify(detail)}`)
    for (const { order, invocations } of this.#ssm.rollouts()) {
      this.watch.printed(JSON.stringify(order.parameters))
      for (const { steps } of invocations) this.watch.printed(JSON.stringify(steps))
    }
    this.watch.searchPrinted([...this.#rotationTokens])
  }

  // ── The functions ──────────────────────────────────────────────────────────────────────────────────────────────────

  async #rotate(event: RotationEvent): Promise<{ readonly error?: string }> {
    this.#rotationTokens.add(event.RotationToken)
    const invocation = this.#invocation(`rotate ${event.Step}`, FUNCTION_TIME, () => this.#rotate(event))
    const handler = createRotateHandler(this.#lambdaWorld(invocation))
    const context = { getRemainingTimeInMillis: () => invocation.deadline - this.timeline.now() }
    return (await this.#inTime(invocation, handler(event, context))) === null ? { error: 'failed' } : {}
  }

  #react(input: unknown): Promise<BatchResponse | null> {
    const invocation = this.#invocation('react', FUNCTION_TIME, () => this.#react(input))
    return this.#inTime(invocation, createReactHandler(this.#lambdaWorld(invocation))(input))
  }

  /** What a function returned; null when it threw or was stopped. */
  async #inTime<T>(invocation: Invocation, work: Promise<T>): Promise<T | null> {
    const stop = this.timeline.after(invocation.deadline - this.timeline.now(), () => invocation.kill())
    const stopped = invocation.killed.then(() => null)
    const ended = work.then(
      (result) => result ?? ({} as T),
      (thrown) => {
        this.watch.printed(errorText(thrown))
        return null
      },
    )
    const result = await Promise.race([ended, stopped])
    stop()
    return result
  }

  #lambdaWorld(invocation: Invocation): LambdaWorld {
    return {
      clock: this.timeline,
      plan: async () => this.#setup.layout.plan,
      wire: (journal) => this.#ports(invocation, journal),
      log: (line) => this.#log(line),
    }
  }

  #log(line: string): void {
    this.watch.printed(line)
    const { message, version } = JSON.parse(line)
    if (message === 'Every instance runs the version.') this.watch.green(version, 'react')
  }

  #ports(invocation: Invocation, journal: Journal): JobPorts {
    const client = awsClient(this.calls, invocation, this.#operations, (comment) =>
      this.watch.sends(invocation.name, comment),
    )
    const store = createSecretStore(client as unknown as AwsClient)
    const http = plainHttp(this.calls, invocation, this.#sites, () => this.timeline.now())
    const clock = {
      now: () => this.timeline.now(),
      // A process that has ended does not wake up.
      sleep: async (ms: Millis) => {
        await this.timeline.sleep(ms)
        if (!invocation.alive) await new Promise<never>(() => undefined)
      },
    }
    return {
      store,
      fleet: createFleet(client as unknown as AwsClient),
      http,
      clock,
      journal,
      verify: createPullVerifier(http, clock),
      providers: PROVIDERS,
      readSecret: secretReader(store, clock),
      objects: noObjects,
      cluster: noCluster,
      automation: createAutomation(client as unknown as AwsClient),
      ...noIdentity,
    }
  }

  #finished(version: string, report: JobReport): void {
    this.reports.push({ version, report })
    if (report.problem !== null) this.watch.printed(errorText(report.problem))
    else if (report.rollout !== null) this.watch.green(report.version, 'the Action')
  }

  #failed(version: string, thrown: unknown): void {
    this.reports.push({ version, report: null })
    this.watch.printed(errorText(thrown))
  }

  // ── The doubles ────────────────────────────────────────────────────────────────────────────────────────────────────

  #invocation(name: string, time: Millis, again: () => Promise<unknown>): Invocation {
    return new Invocation(`${name} #${this.#next('invocation')}`, this.timeline.now() + time, again)
  }

  #next(kind: string): number {
    const next = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, next)
    return next
  }

  #node(id: string): Node {
    const node = this.nodes.find((one) => one.id === id)
    if (node === undefined) throw new Error(`There is no instance ${id}.`)
    return node
  }

  /** EventBridge: the rules of docs/lambda.md. */
  async #hear(event: AwsEvent): Promise<void> {
    if (!this.#setup.functions) return
    const { 'detail-type': type, detail } = event
    const moved = type === 'Secret Label Updated' && detail['labelUpdated'] === 'AWSCURRENT'
    const first = detail['versionId'] === FIRST_VERSION
    const command = type === 'EC2 Command Status-change Notification' && detail['document-name'] === DOCUMENT
    const run = type === 'EC2 Automation Execution Status-change Notification' && detail['Definition'] === RUNBOOK
    if ((moved && !first && event.resources[0] === this.stored.arn) || command || run) await this.#queue.deliver(event)
  }

  /** Tells the watch when AWSCURRENT has moved, whoever asked for it. */
  #watched(operations: Operations): Operations {
    const entries = Object.entries(operations).map(([name, { run, secretMembers }]): [string, Operations[string]] => [
      name,
      {
        secretMembers,
        run: (input, call) => {
          const before = this.labelHolder('AWSCURRENT')
          if (name === 'SendCommand' || name === 'StartAutomationExecution') this.watch.printed(JSON.stringify(input))
          if (name === 'SendCommand') this.watch.sent(call.caller, String(input['Comment']))
          if (name === 'SendCommand') this.#beforeSending(String(input['Comment']))
          const answer = run(input, call)
          if (name === 'StartAutomationExecution') this.#afterStarting(input)
          const after = this.labelHolder('AWSCURRENT')
          const human = call.caller === 'somebody'
          if (after !== undefined && after !== before && !human)
            this.watch.promoted(after, this.stored.text('AWSCURRENT') ?? '')
          return answer
        },
      },
    ])
    return Object.fromEntries(entries)
  }

  #beforeSending(comment: string): void {
    const [, version] = /^ecs-pull-auth (\S+)$/.exec(comment) ?? []
    if (version !== undefined && this.#setup.layout.plan.fleet?.canary !== null) this.watch.sentToAll(version)
  }

  #afterStarting({ Parameters }: Json): void {
    const version = versionOf(Parameters)
    const runs = this.#ssm.automation.runs().map((id) => this.#runOf(id))
    const same = runs.filter((run) => versionOf(run['Parameters']) === version)
    this.watch.started(version, same.filter((run) => RUNS.has(String(run['AutomationExecutionStatus']))).length)
  }

  #runOf(id: string): Json {
    const answer = this.#run('GetAutomationExecution', { AutomationExecutionId: id })
    return (answer as { readonly AutomationExecution: Json }).AutomationExecution
  }

  #run(name: string, input: Json): unknown {
    const operation = this.#operations[name]
    if (operation === undefined) throw new Error(`The double has no operation ${name}.`)
    return operation.run(input, { stale: false, caller: 'somebody' })
  }

  #openSites(): ReadonlyMap<string, Site> {
    const { ledger } = this
    const now = () => this.timeline.now()
    const access = [{ token: ROOT.token, scopes: ['api' as const], sees: ['acme'], manages: ['acme'] }]
    const gitlab = createGitlab({ tokens: ledger, access, now, tokenText })
    this.#tokens = gitlab.deployTokens
    const onPull = (username: string) => ledger.pulled(username)
    const registry = createRegistry({ tokens: ledger, now, onPull })
    this.#registry = registry
    const { minted, managed, life } = this.#setup.layout
    const create = {
      method: 'POST',
      path: '/api/v4/groups/acme/deploy_tokens',
      headers: { 'private-token': ROOT.token, 'content-type': 'application/json' },
    }
    for (const key of minted) {
      const name = `${mintLabel(SECRET, FIRST_VERSION, START)}#${key}`
      const body = { name, scopes: ['read_registry'], expires_at: new Date(START + life).toISOString() }
      gitlab.answer({ ...create, body: JSON.stringify(body) })
    }
    ledger.add({ username: KEPT.username, password: KEPT.password, pulls: ['acme/*'], expiresAt: null })
    const list = { ...create, method: 'GET', path: `${create.path}?active=true&per_page=100&page=1`, body: '' }
    let before = gitlab.answer(list)
    const gitlabSite: Site = {
      downUntil: 0,
      answer(request, stale) {
        if (request.method === 'GET') return stale ? before : gitlab.answer(request)
        before = gitlab.answer(list)
        return gitlab.answer(request)
      },
    }
    const registrySite = (): Site => ({
      downUntil: 0,
      answer(request, stale) {
        ledger.stale = stale
        const answer = registry.answer(request)
        ledger.stale = false
        return answer
      },
    })
    return new Map([[GITLAB, gitlabSite], ...managed.map((key): [string, Site] => [key, registrySite()])])
  }
}

const RUNS: ReadonlySet<string> = new Set(['Pending', 'InProgress', 'Waiting', 'Cancelling'])

function versionOf(parameters: unknown): string {
  return String((parameters as { readonly versionId?: readonly string[] } | undefined)?.versionId?.[0])
}

/** All that a shell could print of an error. */
function errorText(thrown: unknown): string {
  const { code, message, hint } = asPullAuthError(thrown)
  const cause =
    thrown instanceof Error && thrown.cause instanceof Error ? `${thrown.cause.name}: ${thrown.cause.message}` : ''
  return `${code}: ${message} ${hint} ${cause}`
}
