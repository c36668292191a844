/** Provider `acr-token`: the two passwords of a scope-map token of Azure Container Registry, one in use and one to renew. */

import { PullAuthError } from '../core/errors.ts'
import type { FieldProblem, Millis, Provider, ProviderContext } from '../core/ports.ts'
import { trimEnd } from '../core/trim-end.ts'
import { type Generation, generate, readGenerated, readToken, type ScopeMapToken, type Slot } from './acr-token-api.ts'
import { freeSlot, isDead, isSameMoment, type PasswordHandle, readHandle } from './acr-token-slots.ts'
import { ENTRA_FIELDS, type EntraApplication, entraToken, readApplication } from './entra.ts'
import { httpsProblem } from './https-only.ts'
import { refusal, revokeFailed, said, type TokenApi, takeToken } from './token-api.ts'

interface AcrTokenConfig extends EntraApplication {
  readonly arm: string
  /** The token's resource id. */
  readonly id: string
  /** In lower case, as Azure compares them. */
  readonly registry: string
  readonly token: string
}

const ARM = 'https://management.azure.com'
const TOKEN_ID =
  /^\/subscriptions\/[0-9a-f-]{36}\/resourceGroups\/(?!\.+\/)[\w.()-]{1,90}\/providers\/Microsoft\.ContainerRegistry\/registries\/([a-z0-9]{5,50})\/tokens\/([a-z0-9-]{5,50})$/i
/**
 * A first password is good at once, a renewed one is not: "Regenerating new passwords for tokens will take 60 seconds to
 * replicate and be available" (Microsoft's page on repository permissions). Proven any earlier it would be refused, and be
 * renewed again at the next attempt, for ever.
 */
const SETTLE: Millis = 60_000
const DAY = 86_400
const DEFAULT_LIFE = 30 * DAY

/**
 * Plain HTTPS (facts/registries.md section 3.6, way 2). `mint` throws MINT_REJECTED, MINT_NOT_PERMITTED,
 * MINT_RATE_LIMITED, MINT_UNAVAILABLE, MINT_AMBIGUOUS, CREDENTIAL_INVALID, CREDENTIAL_EXPIRING, IDENTITY_UNAVAILABLE;
 * `revoke` REVOKE_FAILED.
 */
export const acrToken: Provider<AcrTokenConfig> = {
  kind: 'acr-token',
  summary: 'The two passwords of a scope-map token of Azure Container Registry, renewed in turn.',
  traits: {
    rotation: 'two-slot',
    ttl: { min: null, max: null, default: DEFAULT_LIFE, granularity: 'second' },
    revoke: 'immediate',
    identity: ['github-oidc', 'aws-oidc', 'stored-root'],
    hosts: ['action', 'lambda', 'cli'],
    evidence: 'a double of the documented ARM calls, its passwords checked by a real docker-registry; never Azure',
  },
  options: {
    token: {
      kind: 'string',
      required: true,
      description:
        'Resource id of the scope-map token, as az acr token show --query id prints it. One entry of one plan only.',
      example:
        '/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/images/providers/Microsoft.ContainerRegistry/registries/acmeprod/tokens/ecs-pull',
    },
    ...ENTRA_FIELDS,
    arm: {
      kind: 'url',
      description: 'Azure Resource Manager. Default https://management.azure.com; other clouds have their own.',
    },
  },

  parse(fields) {
    const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : null)
    const [id, arm] = [text('token') ?? '', trimEnd(text('arm') ?? ARM, '/')]
    const problems: FieldProblem[] = []
    const check = (field: string, problem: string | null) => {
      if (problem !== null) problems.push({ field, problem })
    }
    const [, registry = '', token = ''] = TOKEN_ID.exec(id) ?? []
    check('token', token === '' ? 'must be the resource id of a scope-map token, /subscriptions/…/tokens/NAME' : null)
    const application = readApplication(fields, problems)
    check('arm', httpsProblem(arm))
    if (problems.length > 0) return problems
    return { ...application, arm, id, registry: registry.toLowerCase(), token: token.toLowerCase() }
  },

  /** A lost answer leaves a slot that nobody uses with a password that nobody knows: the next attempt takes it again. */
  async mint(cx, config, { ttl, inUse }) {
    const token = await enter(cx, config)
    const state = await readToken(cx, token)
    if (!state.enabled) throw disabled(config)
    const slot = freeSlot(config, state.passwords, inUse.map(readHandle), cx.clock.now())
    if (slot === null) throw bothInUse(config)
    const asked = cx.clock.now() + (ttl ?? DEFAULT_LIFE) * 1000
    const answer = resultOf(cx, token.api, slot, await generate(cx, token, slot, asked))
    const generated = readGenerated(answer, slot)
    const password = takeToken(cx, generated?.value, generated?.username)
    const { username = '', made = null, expiresAt = null } = generated ?? {}
    if (password === null || made === null) throw unclear(token.api, slot, 'its answer does not hold it')
    if (expiresAt !== null && expiresAt < asked - 60_000) {
      throw new PullAuthError(
        'CREDENTIAL_EXPIRING',
        `${token.api.name}: the new ${slot} lives until ${new Date(expiresAt).toISOString()}, less than was asked for.`,
        'Ask for a shorter ttl.',
      )
    }
    if (state.passwords.has(slot)) await settle(cx, token.api, slot)
    const handle: PasswordHandle = { registry: config.registry, token: config.token, slot, made }
    return { username, password, issuedAt: cx.clock.now(), expiresAt, handle: { ...handle } }
  },

  /** Whether Azure can empty a slot is not known (facts section 11), so it gets a password that nobody gets to know. */
  async revoke(cx, handle, planned) {
    const wanted = readHandle(handle)
    if (wanted === null) throw unreadable()
    const { registry, token: name, slot, made } = wanted
    const what = `${slot} of token ${name}, registry ${registry},`
    const config = planned.find((one) => one.registry === registry && one.token === name)
    if (config === undefined) throw unplanned(what, wanted)
    const { token, password } = await look(cx, config, slot, what)
    if (password === undefined || isDead(password, cx.clock.now())) return 'already-gone'
    if (password.made === null) throw revokeFailed(what, 'Azure does not tell when it was made', retryHint(config))
    if (!isSameMoment(password.made, made)) return 'already-gone'
    const generation = await generate(cx, token, slot, cx.clock.now() + DAY * 1000)
    if (generation.kind === 'done') return 'revoked'
    const why = generation.kind === 'refused' ? said(cx, generation.answer) : generation.why
    throw revokeFailed(what, why, retryHint(config))
  },

  permissions: ({ root, audience }) => (root === null ? [{ identityToken: audience }] : []),
}

async function enter(cx: ProviderContext, config: AcrTokenConfig): Promise<ScopeMapToken> {
  const access = await entraToken(cx, config, `${config.arm}/.default`)
  return { arm: config.arm, id: config.id, access, api: apiOf(config) }
}

async function look(cx: ProviderContext, config: AcrTokenConfig, slot: Slot, what: string) {
  try {
    const token = await enter(cx, config)
    return { token, password: (await readToken(cx, token)).passwords.get(slot) }
  } catch (error) {
    if (error instanceof PullAuthError)
      throw revokeFailed(what, `it cannot be looked at (${error.message})`, error.hint)
    throw error
  }
}

async function settle({ clock, journal }: ProviderContext, { name }: TokenApi, slot: Slot): Promise<void> {
  journal.info(`${name}: ${slot} was renewed; Azure takes ${SETTLE / 1000} s until it is good everywhere.`)
  await clock.sleep(SETTLE)
}

function resultOf(cx: ProviderContext, api: TokenApi, slot: Slot, generation: Generation) {
  switch (generation.kind) {
    case 'done':
      return generation.answer
    case 'refused':
      throw refusal(cx, api, generation.answer)
    case 'unclear':
      throw unclear(api, slot, generation.why)
  }
}

function unclear({ name }: TokenApi, slot: Slot, why: string): PullAuthError {
  return new PullAuthError(
    'MINT_AMBIGUOUS',
    `${name}: ${slot} was to be renewed, but ${why}; it may hold a password that nobody knows.`,
    `Run again: no instance uses ${slot}, so it is renewed once more.`,
  )
}

function bothInUse(config: AcrTokenConfig): PullAuthError {
  return new PullAuthError(
    'MINT_NOT_PERMITTED',
    `${apiOf(config).name}: both passwords are in use, one of them by instances that have not reloaded yet.`,
    'Reload until every instance runs the current version and retire (ecs-pull-auth retire --plan …), which frees the older one; then rotate again.',
  )
}

function disabled(config: AcrTokenConfig): PullAuthError {
  return new PullAuthError(
    'MINT_NOT_PERMITTED',
    `${apiOf(config).name} is disabled, so none of its passwords pulls.`,
    'Enable it: az acr token update --status enabled.',
  )
}

function unplanned(what: string, { registry, token, slot }: PasswordHandle): PullAuthError {
  return revokeFailed(
    what,
    'no entry of the plan has this token, so no identity was sent',
    `Put its entry back into the plan and retire again, or replace it by hand: az acr token credential generate --registry ${registry} --name ${token} --${slot}`,
  )
}

function unreadable(): PullAuthError {
  return revokeFailed(
    'A password of a scope-map token',
    'the stored config remembers it in a form that cannot be read',
    'Replace the password that is not in use by hand: az acr token credential generate.',
  )
}

function retryHint({ client }: AcrTokenConfig): string {
  return `Check that application ${client} may read the token and generate credentials; retire tries again.`
}

function apiOf({ registry, token, client }: AcrTokenConfig): TokenApi {
  return {
    name: `Azure Container Registry ${registry}, token ${token}`,
    hints: {
      rejected: `Check the tenant of application ${client}: Azure Resource Manager does not take its token.`,
      notPermitted: `Check the token's resource id, and give application ${client} a role on the registry with Microsoft.ContainerRegistry/registries/tokens/read, …/registries/generateCredentials/action and …/locations/operationResults/read.`,
      unavailable:
        'Check the token’s resource id in the plan; where another operation on it is under way, run again later.',
    },
  }
}
