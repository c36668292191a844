/**
 * Whether everything that a plan needs is there: one line for each thing, good or with its remedy. Asks, and changes
 * nothing. What was refused here is refused to a rotation too, and what nobody can look at is said to be unknown.
 */

import { frequencyText, judgeCadence, judgeRealSchedule, missText } from './cadence.ts'
import type { Caller, Inspector, ManagedInstance } from './doctor-ports.ts'
import { PullAuthError } from './errors.ts'
import { parseImage } from './image.ts'
import type { JobPorts } from './job.ts'
import { lintStored } from './lint.ts'
import { isLoopback } from './loopback.ts'
import { targetOf } from './outputs.ts'
import { type PermissionWish, permissionChecks } from './permissions.ts'
import type { FleetPlan, Plan } from './plan.ts'
import { canList } from './plan-rollout.ts'
import type { SecretDescription, VersionId } from './ports.ts'
import { reportOn } from './rollout-report.ts'
import { CURRENT, currentOf } from './rotation.ts'
import type { Secret } from './secret.ts'
import { latestRollout, requireDocument } from './send.ts'
import { readStoredConfig, resolveImage, type StoredConfig } from './stored-config.ts'

export interface Check {
  readonly check: string
  /** null = not known: it could not be looked at. */
  readonly ok: boolean | null
  readonly detail: string
  /** null = nothing to do. */
  readonly remedy: string | null
}

export interface DoctorPorts extends JobPorts {
  readonly inspector: Inspector
}

/** What this version ships: the documents as values, whatever their spelling. */
export interface Shipped {
  readonly document: unknown
  readonly runbook: unknown
}

/** Calls that were made, so that nobody has to be asked again whether they are allowed and arrive. */
export interface Tried {
  readonly allowed: Map<string, boolean>
  /** By service: the error of a call that had no answer, or null. */
  readonly reached: Map<string, PullAuthError | null>
}

interface Cx {
  readonly ports: DoctorPorts
  readonly tried: Tried
}

export async function examine(
  ports: DoctorPorts,
  plan: Plan,
  shipped: Shipped,
  wish: PermissionWish,
): Promise<readonly Check[]> {
  const cx: Cx = { ports, tried: { allowed: new Map(), reached: new Map() } }
  const { journal } = ports
  journal.phase('Who calls')
  const caller = await look(cx, 'sts:GetCallerIdentity', () => ports.inspector.caller())
  if (caller instanceof PullAuthError && caller.code === 'AWS_CREDENTIALS')
    return [bad('caller', caller), ...(await registryChecks(cx, plan))]
  journal.phase('The stored config')
  const secret = await look(cx, 'secretsmanager:DescribeSecret', () => ports.store.describe(plan.secret))
  const stored = await storedChecks(cx, plan, secret)
  const roots = await rootChecks(cx, plan, secret)
  const outputs = await outputChecks(cx, plan)
  journal.phase('The registries')
  const registries = await registryChecks(cx, plan)
  if (plan.fleet !== null) journal.phase('The fleet')
  const fleet = plan.fleet === null ? [] : await fleetChecks(cx, plan.fleet, shipped, secret)
  journal.phase('Permissions')
  const permissions =
    caller instanceof PullAuthError ? [UNKNOWN_CALLER] : await permissionsOf(cx, plan, wish, caller, secret)
  const first = [
    caller instanceof PullAuthError ? bad('caller', caller) : good('caller', `${caller.arn} in ${caller.region}`),
  ]
  return [...first, ...endpointChecks(cx), ...registries, ...stored, ...roots, ...outputs, ...fleet, ...permissions]
}

/** STS may be out of reach where the services themselves are not: in a VPC without an endpoint for it. */
const UNKNOWN_CALLER: Check = {
  check: 'permissions',
  ok: null,
  detail: 'Who calls is not known, so nobody can say what else is allowed.',
  remedy: 'Compare the policies with ecs-pull-auth iam.',
}

async function permissionsOf(
  { ports, tried }: Cx,
  plan: Plan,
  wish: PermissionWish,
  caller: Caller,
  secret: SecretDescription | PullAuthError,
): Promise<readonly Check[]> {
  return await permissionChecks({ ...ports, tried: tried.allowed }, plan, wish, {
    caller,
    arn: secret instanceof PullAuthError ? null : secret.arn,
    rotatedByFunction: !(secret instanceof PullAuthError) && secret.rotationFunction !== null,
  })
}

function good(check: string, detail: string): Check {
  return { check, ok: true, detail, remedy: null }
}

function bad(check: string, error: PullAuthError): Check {
  return { check, ok: false, detail: `${error.code}: ${error.message}`, remedy: error.hint }
}

/** What only `doctor` asks for is nobody's need: without leave to ask it is unknown, not wrong. */
function unasked(check: string, error: PullAuthError): Check {
  return error.code === 'ACCESS_DENIED' ? { ...bad(check, error), ok: null } : bad(check, error)
}

async function look<T>({ tried }: Cx, action: string, call: () => Promise<T>): Promise<T | PullAuthError> {
  const service = action.split(':')[0] ?? ''
  try {
    const answer = await call()
    if (tried.allowed.get(action) !== false) tried.allowed.set(action, true)
    if (!tried.reached.has(service)) tried.reached.set(service, null)
    return answer
  } catch (error) {
    if (!(error instanceof PullAuthError)) throw error
    if (error.code === 'ACCESS_DENIED') tried.allowed.set(action, false)
    const lost = error.code === 'AWS_UNAVAILABLE' ? error : null
    if (lost !== null || !tried.reached.has(service)) tried.reached.set(service, lost)
    return error
  }
}

const SERVICES: Readonly<Record<string, string>> = {
  sts: 'AWS STS',
  secretsmanager: 'Secrets Manager',
  ssm: 'Systems Manager',
  ecs: 'Amazon ECS',
  s3: 'Amazon S3',
}

function endpointChecks({ tried }: Cx): readonly Check[] {
  return [...tried.reached].map(([service, error]) => {
    const check = `way to ${SERVICES[service] ?? service}`
    return error === null ? good(check, 'it answers') : bad(check, error)
  })
}

// ── The stored config ────────────────────────────────────────────────────────────────────────────────────────────────

async function storedChecks(cx: Cx, plan: Plan, secret: SecretDescription | PullAuthError): Promise<readonly Check[]> {
  const schedule = planSchedule(plan)
  if (secret instanceof PullAuthError) return [bad('stored config', secret), ...schedule]
  const { cadence, finding } = judgeRealSchedule(plan, secret)
  const real =
    finding === null
      ? cadence === null
        ? []
        : [good('schedule of the secret', frequencyText(cadence))]
      : [
          wrong(
            'schedule of the secret',
            finding,
            'ecs-pull-auth plan --live shows the arithmetic and a schedule that works.',
          ),
        ]
  return [...(await configChecks(cx, plan, secret)), ...schedule, ...real]
}

function planSchedule(plan: Plan): readonly Check[] {
  const check = 'schedule of the plan'
  if (plan.rotation === null) return [good(check, 'none: something else asks for rotations')]
  const cadence = judgeCadence(plan, plan.rotation)
  if (cadence.ok) return [good(check, `${plan.rotation.expression}; ${missText(cadence)}`)]
  const why = cadence.registries
    .filter(({ verdict }) => verdict === 'unsafe')
    .map(({ registry, text }) => `${registry}: ${text}`)
  return [wrong(check, why.join('; '), 'ecs-pull-auth plan shows the arithmetic and proposes a schedule that works.')]
}

function wrong(check: string, detail: string, remedy: string): Check {
  return { check, ok: false, detail, remedy }
}

async function configChecks({ ports, tried }: Cx, plan: Plan, secret: SecretDescription): Promise<readonly Check[]> {
  const check = 'stored config'
  const text = await look({ ports, tried }, 'secretsmanager:GetSecretValue', async () => {
    const { text: found } = await ports.store.read(secret.arn, { label: CURRENT })
    return found
  })
  if (text instanceof PullAuthError) return [bad(check, text)]
  const config = readOrError(text, secret.name)
  if (config instanceof PullAuthError) return [bad(check, config)]
  const errors = lintStored(config).filter(({ severity }) => severity === 'error')
  const ambiguous = plan.registries.filter(({ probe }) => resolveImage(config, probe).ambiguous)
  return [
    good(check, `${secret.arn}, version ${currentOf(secret) ?? 'none'}`),
    ...errors.map(({ code, message, hint }) => wrong(`lint of it: ${code}`, message, hint)),
    ...ambiguous.map(({ key, probe }) =>
      wrong(
        `entry of ${key}`,
        `The ECS agent picks one of several entries at random for ${probe}.`,
        'Keep one spelling of each registry key, best the bare host.',
      ),
    ),
  ]
}

function readOrError(text: Secret, name: string): StoredConfig | PullAuthError {
  try {
    return readStoredConfig(text, name)
  } catch (error) {
    if (error instanceof PullAuthError) return error
    throw error
  }
}

/** With a rotation function they are read by its role: `--actor rotate-function --principal ARN` looks at that. */
async function rootChecks(cx: Cx, plan: Plan, secret: SecretDescription | PullAuthError): Promise<readonly Check[]> {
  if (secret instanceof PullAuthError || secret.rotationFunction !== null) return []
  const names = [...new Set(plan.registries.flatMap(({ secrets }) => secrets))]
  return await Promise.all(
    names.map(async (name) => {
      const found = await look(cx, 'secretsmanager:GetSecretValue', () => cx.ports.readSecret(name))
      return found instanceof PullAuthError ? bad(`secret ${name}`, found) : good(`secret ${name}`, 'it can be read')
    }),
  )
}

async function outputChecks(cx: Cx, plan: Plan): Promise<readonly Check[]> {
  const { store, objects } = cx.ports
  return await Promise.all(
    plan.outputs.map(async (output) => {
      const check = `output ${targetOf(output)}`
      const found =
        output.kind === 's3'
          ? await look(cx, 's3:GetObject', () => objects.head(output.bucket, output.key))
          : await look(cx, 'secretsmanager:DescribeSecret', () => store.describe(output.secret))
      if (found instanceof PullAuthError) return bad(check, found)
      return good(check, found === null ? 'not there yet: the next rotation writes it' : 'it is there')
    }),
  )
}

// ── The registries ───────────────────────────────────────────────────────────────────────────────────────────────────

/** Any answer will do: whether a credential pulls is what `verify` finds out. */
async function registryChecks({ ports }: Cx, plan: Plan): Promise<readonly Check[]> {
  const hosts = [...new Set(plan.registries.flatMap(({ probe }) => parseImage(probe)?.host ?? []))]
  return await Promise.all(
    hosts.map(async (host) => {
      const check = `way to ${host}`
      const { verdict, detail } = await reach(ports, host)
      if (verdict) return good(check, detail)
      return wrong(check, detail, 'Check name, proxy (HTTPS_PROXY), firewall and certificates of this machine.')
    }),
  )
}

async function reach({ http }: DoctorPorts, host: string): Promise<{ verdict: boolean; detail: string }> {
  const name = host === 'docker.io' ? 'registry-1.docker.io' : host
  const scheme = isLoopback(name.replace(/:\d+$/, '')) ? 'http' : 'https'
  const answer = await http.send({ method: 'GET', url: `${scheme}://${name}/v2/` })
  if (answer.kind === 'answer') return { verdict: true, detail: `it answers ${answer.status} without a login` }
  return { verdict: false, detail: answer.reason }
}

// ── The fleet ────────────────────────────────────────────────────────────────────────────────────────────────────────

async function fleetChecks(
  cx: Cx,
  fleet: FleetPlan,
  shipped: Shipped,
  secret: SecretDescription | PullAuthError,
): Promise<readonly Check[]> {
  const instances = await matched(cx, fleet)
  return [
    ...(await documentChecks(cx, fleet, shipped)),
    ...instanceChecks(fleet, instances),
    ...(await clusterChecks(cx, fleet, instances)),
    await stateCheck(cx, fleet, secret),
  ]
}

async function documentChecks(cx: Cx, fleet: FleetPlan, { document, runbook }: Shipped): Promise<readonly Check[]> {
  const check = `document ${fleet.document}`
  const found = await look(cx, 'ssm:DescribeDocument', () => requireDocument(cx.ports.fleet, fleet.document))
  const checks = [
    found instanceof PullAuthError
      ? bad(check, found)
      : await contentCheck(cx, { check, name: fleet.document, version: found.version, ours: document, flag: '' }),
  ]
  if (fleet.runbook === null) return checks
  const { name } = fleet.runbook
  return [
    ...checks,
    await contentCheck(cx, { check: `runbook ${name}`, name, version: null, ours: runbook, flag: ' --runbook' }),
  ]
}

interface Wanted {
  readonly check: string
  readonly name: string
  /** null = not told. */
  readonly version: string | null
  readonly ours: unknown
  readonly flag: string
}

/** By value: CloudFormation and Terraform store the same document in another spelling. */
async function contentCheck(cx: Cx, { check, name, version, ours, flag }: Wanted): Promise<Check> {
  const text = await look(cx, 'ssm:GetDocument', () => cx.ports.inspector.documentText(name))
  if (text instanceof PullAuthError) return unasked(check, text)
  const file = flag === '' ? 'document.json' : 'runbook.json'
  const print = `ecs-pull-auth document${flag} > ${file}`
  const which = version === null ? 'its default version' : `version ${version}`
  if (text === null) {
    const type = flag === '' ? 'Command' : 'Automation'
    const create = `aws ssm create-document --name ${name} --document-type ${type} --content file://${file}`
    return wrong(check, 'It does not exist.', `${print} && ${create}`)
  }
  if (canonical(parsed(text)) === canonical(ours)) return good(check, `${which} is the one that this version ships`)
  const update = `aws ssm update-document --name ${name} --document-version '$LATEST' --content file://${file}`
  return wrong(
    check,
    `${which} is not the one that this version of ecs-pull-auth ships.`,
    `${print} && ${update}, then make that version the default: aws ssm update-document-default-version`,
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? ''
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join()}}`
}

/** null: these targets cannot be listed. */
async function matched(cx: Cx, { targets }: FleetPlan): Promise<readonly ManagedInstance[] | PullAuthError | null> {
  if (!canList(targets)) return null
  return await look(cx, 'ssm:DescribeInstanceInformation', () => cx.ports.inspector.managed(targets))
}

/** Before it, an agent ignores the preconditions by which the document tells Linux from Windows (facts, SSM section 2.3). */
const OLDEST_AGENT = '3.0.196.0'
/** From here on it exports parameters instead of pasting them into the script. */
const EXPORTING_AGENT = '3.3.2746.0'

function instanceChecks(fleet: FleetPlan, found: readonly ManagedInstance[] | PullAuthError | null): readonly Check[] {
  const check = 'instances under fleet.targets'
  if (found instanceof PullAuthError) return [bad(check, found)]
  if (found === null) {
    const remedy = 'The console’s list of the resource group tells; a rollout tells too.'
    return [{ check, ok: null, detail: 'Systems Manager lists instances by tags or ids only.', remedy }]
  }
  const targets = Object.entries(fleet.targets).map(([key, values]) => `${key}=${values.join(',')}`)
  if (found.length === 0) {
    const detail = `No managed instance matches ${targets.join(' and ')}.`
    if (fleet.allowEmpty) return [good(check, `${detail} The plan accepts that.`)]
    return [wrong(check, detail, 'Tag the container instances, and give them AmazonSSMManagedInstanceCore.')]
  }
  return [onlineCheck(check, found), agentCheck(found)]
}

function onlineCheck(check: string, found: readonly ManagedInstance[]): Check {
  const lost = found.filter(({ online }) => !online).map(({ id }) => id)
  const detail = `${found.length - lost.length} of ${found.length} are connected to Systems Manager`
  if (lost.length === 0) return good(check, detail)
  const remedy = 'Look at the SSM agent there, its instance profile, and its way to the ssm and ssmmessages endpoints.'
  return wrong(check, `${detail}; not ${some(lost)}.`, remedy)
}

function agentCheck(found: readonly ManagedInstance[]): Check {
  const check = 'SSM agents'
  const old = found.filter(({ agent }) => isOlder(agent, OLDEST_AGENT)).map(({ id, agent }) => `${id} (${agent})`)
  const remedy = 'Update it: aws ssm send-command --document-name AWS-UpdateSSMAgent --targets Key=InstanceIds,Values=…'
  if (old.length > 0) return wrong(check, `older than ${OLDEST_AGENT}: ${some(old)}.`, remedy)
  const pasting = found.filter(({ agent }) => isOlder(agent, EXPORTING_AGENT)).length
  const versions = [...new Set(found.map(({ agent }) => agent))].sort(byVersion)
  const range = versions.length === 1 ? versions[0] : `${versions[0]} to ${versions.at(-1)}`
  return good(check, `${range}${pasting === 0 ? '' : `; ${pasting} before ${EXPORTING_AGENT}, which work too`}`)
}

function byVersion(a: string, b: string): number {
  return isOlder(a, b) ? -1 : 1
}

function isOlder(version: string, than: string): boolean {
  const [left, right] = [version, than].map((text) => text.split('.').map(Number))
  for (let part = 0; part < 4; part += 1) {
    const difference = (left?.[part] ?? 0) - (right?.[part] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ')
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown
}

async function clusterChecks(
  cx: Cx,
  { cluster }: FleetPlan,
  found: readonly ManagedInstance[] | PullAuthError | null,
): Promise<readonly Check[]> {
  if (cluster === null) return []
  const check = `cluster ${cluster}`
  const list = async () => {
    const ids: string[] = []
    for await (const { instanceId } of cx.ports.cluster.instances(cluster)) ids.push(instanceId)
    return ids
  }
  const ids = await look(cx, 'ecs:ListContainerInstances', list)
  if (ids instanceof PullAuthError) return [bad(check, ids)]
  cx.tried.allowed.set('ecs:DescribeContainerInstances', true)
  if (found === null || found instanceof PullAuthError) return [good(check, `${ids.length} container instances`)]
  const targeted = new Set(found.map(({ id }) => id))
  const missing = ids.filter((id) => !targeted.has(id))
  if (missing.length === 0) return [good(check, `all of its ${ids.length} container instances are targets`)]
  return [
    wrong(
      check,
      `${missing.length} of its ${ids.length} container instances are no targets: ${some(missing)}.`,
      'Tag them as fleet.targets says, and have Systems Manager manage them.',
    ),
  ]
}

/** How far back a rollout is looked for: Run Command keeps its history for 30 days. */
const HISTORY = 30 * 86_400_000

/** No API tells how an agent was started; the document looks, and the last rollout says what it found. */
async function stateCheck(cx: Cx, fleet: FleetPlan, secret: SecretDescription | PullAuthError): Promise<Check> {
  const check = 'agents keep their state (ECS_DATADIR)'
  const version: VersionId | null = secret instanceof PullAuthError ? null : currentOf(secret)
  const unknown: Check = {
    check,
    ok: null,
    detail: 'No finished rollout of the current version tells.',
    remedy:
      'ecs-init and ECS Anywhere always set it. For an agent started by docker run: docker inspect ecs-agent must show ECS_DATADIR; the document refuses one without it.',
  }
  if (secret instanceof PullAuthError || version === null) return unknown
  const since = cx.ports.clock.now() - HISTORY
  const commands = await look(cx, 'ssm:ListCommands', () => cx.ports.fleet.recent(fleet.document, since))
  if (commands instanceof PullAuthError) return bad(check, commands)
  const command = latestRollout(commands, { secret: secret.arn, version })
  if (command === null) return unknown
  const report = await look(cx, 'ssm:ListCommandInvocations', () => reportOn(cx.ports, fleet, command, version, null))
  if (report instanceof PullAuthError) return bad(check, report)
  const stateless = report.instances.filter(({ node }) => node?.reason === 'agent-keeps-no-state')
  if (stateless.length > 0) {
    const ids = stateless.map(({ instanceId }) => instanceId)
    return wrong(
      check,
      `not on ${some(ids)}.`,
      'Start the agent there with ECS_DATADIR=/data and a volume: docs/node.md.',
    )
  }
  if (report.onVersion === 0 || report.stragglers.length > 0) return unknown
  return good(check, `the last rollout reloaded ${report.onVersion} of them`)
}
