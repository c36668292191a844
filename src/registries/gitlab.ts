/** Provider `gitlab`: deploy tokens with `read_registry`, made beside the old one and deleted by id. */

import { PullAuthError } from '../core/errors.ts'
import type { FieldProblem, JsonValue, Minted, Provider, ProviderContext } from '../core/ports.ts'
import { Secret } from '../core/secret.ts'
import {
  type CreatedToken,
  createToken,
  deleteToken,
  type GitlabRoot,
  type GitlabScope,
  isId,
  listTokens,
} from './gitlab-api.ts'
import { httpsProblem } from './https-only.ts'
import { asObject, parseJson } from './json.ts'
import { placeProblem } from './root-place.ts'

export interface GitlabConfig extends GitlabScope {
  readonly username: string | null
}

/** What GitLab allows as a group or project path; `.` and `..` would climb out of the API's own path. */
const PATH = /^(?:(?!\.{1,2}(?:\/|$))[\w.][\w.-]*(?:\/(?!$)|$))+$/
const USERNAME = /^[A-Za-z0-9._+-]{1,255}$/
const API = '/api/v4'

/**
 * Plain HTTPS, no library (facts/registries.md section 3.2). `mint` throws MINT_REJECTED, MINT_NOT_PERMITTED,
 * MINT_RATE_LIMITED, MINT_UNAVAILABLE, MINT_AMBIGUOUS, CREDENTIAL_INVALID, CREDENTIAL_EXPIRING; `revoke` REVOKE_FAILED.
 */
export const gitlab: Provider<GitlabConfig> = {
  kind: 'gitlab',
  summary: 'Deploy tokens of a GitLab project or group, on GitLab.com or self-managed.',
  traits: {
    rotation: 'create-delete',
    ttl: { min: null, max: null, default: null, granularity: 'second' },
    revoke: 'immediate',
    identity: ['stored-root'],
    hosts: ['action', 'lambda', 'cli'],
    evidence: 'a double of the documented API whose tokens a real docker-registry checks; never GitLab.com',
  },
  options: {
    url: { kind: 'url', description: 'The GitLab. Default https://gitlab.com.', example: 'https://gitlab.acme.com' },
    project: { kind: 'string', description: 'Id or path of the project to pull from.', example: 'acme/app' },
    group: {
      kind: 'string',
      description: 'Id or path of the group to pull from, instead of project.',
      example: 'acme',
    },
    root: {
      kind: 'secret',
      required: true,
      description:
        'Secret with an access token of scope api, as bare text or {"token","url"}: Maintainer of the project, Owner of the group.',
      example: 'prod/gitlab/root',
    },
    username: { kind: 'string', description: 'User name of the tokens. Default: GitLab makes one up for each.' },
  },

  parse(fields) {
    const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : null)
    const [project, group, root, username] = [text('project'), text('group'), text('root'), text('username')]
    const url = text('url') ?? 'https://gitlab.com'
    const problems: FieldProblem[] = []
    const check = (field: string, problem: string | null) => {
      if (problem !== null) problems.push({ field, problem })
    }
    check('url', httpsProblem(url))
    check('root', root === null ? 'is missing' : null)
    check('project', project === null ? null : projectProblem(project))
    check('group', group === null || PATH.test(group) ? null : 'is not a path that GitLab allows')
    if (project === null && group === null) check('project', 'is missing: name a project or a group')
    if (project !== null && group !== null) check('group', 'must not stand beside project: name one of them')
    check('username', username === null || USERNAME.test(username) ? null : 'may have letters, digits and . _ + - only')
    if (root === null || problems.length > 0) return problems
    const scope =
      project === null ? `groups/${encodeURIComponent(group ?? '')}` : `projects/${encodeURIComponent(project)}`
    return { api: `${url.replace(/\/+$/, '')}${API}`, scope, root, username }
  },

  async mint(cx, config, { label, ttl }) {
    const root = await readRoot(cx, config)
    const issuedAt = cx.clock.now()
    const expiresAt = ttl === null ? null : issuedAt + ttl * 1000
    for (let attempt = 1; attempt <= 2; attempt++) {
      const name = `${label}#${crypto.randomUUID().slice(0, 13)}`
      const created = await createToken(cx, root, { name, username: config.username, expiresAt })
      if (created !== null) return ensureLife(cx, root, created, issuedAt, expiresAt)
      if (!(await removeLost(cx, root, name))) break
    }
    throw new PullAuthError(
      'MINT_AMBIGUOUS',
      `GitLab ${root.api}/${root.scope} was asked for a deploy token, but its answer was lost; a token may exist.`,
      'Run again. A token that nobody holds is found by its name, which begins with ecs-pull-auth/, and deleted.',
    )
  },

  async find(cx, config, labelPrefix) {
    const tokens = (await listTokens(cx, await readRoot(cx, config))).filter(({ name }) => name.startsWith(labelPrefix))
    return tokens.map(({ id, name }) => ({ label: name.replace(/#[^#]*$/, ''), handle: handleOf(config, id) }))
  },

  async revoke(cx, handle, planned) {
    const { id, ...scope } = readHandle(handle)
    const named = planned.some(({ api, root }) => api === scope.api && root === scope.root)
    const problem = await placeProblem(cx, scope.root, urlOf(scope), named)
    if (problem !== null) throw untrusted(scope, id, problem)
    return deleteToken(cx, await readToken(cx, scope), id)
  },
}

/** The url that a plan would give for it. */
function urlOf({ api }: GitlabScope): string {
  return api.slice(0, -API.length)
}

function untrusted({ api, scope, root }: GitlabScope, id: number, problem: string): PullAuthError {
  return new PullAuthError(
    'REVOKE_FAILED',
    `Deploy token ${id} of ${api}/${scope} was left alone, and no root was sent: ${problem}.`,
    `If you know that GitLab, store the root as {"token":"…","url":"…"} in secret ${root}, then retire again. If you do not, somebody wrote it into the stored config.`,
  )
}

function projectProblem(project: string): string | null {
  if (/^\d+$/.test(project)) return null
  return project.includes('/') && PATH.test(project) ? null : 'must be an id or a full path like acme/app'
}

/** The root for a place that the plan names. */
async function readRoot(cx: ProviderContext, config: GitlabScope): Promise<GitlabRoot> {
  const problem = await placeProblem(cx, config.root, urlOf(config), true)
  if (problem === null) return await readToken(cx, config)
  const hint = 'Name the secret that holds the root of this GitLab, or correct the url in the plan or in the secret.'
  throw new PullAuthError('CREDENTIAL_INVALID', `The plan's url does not fit its root: ${problem}.`, hint)
}

async function readToken(cx: ProviderContext, { api, scope, root }: GitlabScope): Promise<GitlabRoot> {
  const text = (await cx.readSecret(root)).reveal().trim()
  const value = text.startsWith('{') ? asObject(parseJson(text))['token'] : text
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
    throw new PullAuthError(
      'CREDENTIAL_INVALID',
      `Secret ${root} holds no GitLab access token.`,
      'Store the bare token, or {"token": "…", "url": "…"}, as the text of the secret.',
    )
  }
  const token = new Secret(value)
  cx.journal.mask(token)
  return { api, scope, root, token }
}

/**
 * After a lost answer: deletes the token if GitLab made it, and says whether it did. Its text is lost, so it serves
 * nobody, and it is safe to delete: the end of the name was drawn at random for this one call, so no other process,
 * no retry and no other entry of the plan can have made or stored it. When it is not there (yet), it may still come:
 * then nothing may be minted on top, and the orphan is left to `find`.
 */
async function removeLost(cx: ProviderContext, root: GitlabRoot, name: string): Promise<boolean> {
  try {
    const lost = (await listTokens(cx, root)).find((token) => token.name === name)
    if (lost === undefined) return false
    await deleteToken(cx, root, lost.id)
  } catch (error) {
    if (error instanceof PullAuthError) return false
    throw error
  }
  cx.journal.warn(
    `${root.api}: the answer with a new deploy token was lost; that token was found by its name and deleted.`,
  )
  return true
}

/** GitLab may cap the life of a token below what was asked: such a token would die before its successor is there. */
async function ensureLife(
  cx: ProviderContext,
  root: GitlabRoot,
  created: CreatedToken,
  issuedAt: number,
  asked: number | null,
): Promise<Minted> {
  const { id, username, password, expiresAt } = created
  if (expiresAt === null || expiresAt >= (asked ?? 0) - 60_000) {
    return { username, password, issuedAt, expiresAt, handle: handleOf(root, id) }
  }
  await deleteToken(cx, root, id).catch(() =>
    cx.journal.warn(`${root.api}: deploy token ${id} is of no use and could not be deleted.`),
  )
  throw new PullAuthError(
    'CREDENTIAL_EXPIRING',
    `GitLab ${root.api}/${root.scope} gave a token until ${new Date(expiresAt).toISOString()}, less than was asked for.`,
    'Ask for a shorter ttl, or raise the limit in GitLab.',
  )
}

function handleOf({ api, scope, root }: GitlabScope, id: number): JsonValue {
  return { api, scope, id, root }
}

function readHandle(handle: JsonValue): GitlabScope & { id: number } {
  const { api, scope, id, root } = asObject(handle)
  const whole = typeof api === 'string' && typeof scope === 'string' && typeof root === 'string' && isId(id)
  if (whole && httpsProblem(api) === null && api.endsWith(API) && /^(?:projects|groups)\/[\w.%-]+$/.test(scope))
    return { api, scope, id, root }
  throw new PullAuthError(
    'REVOKE_FAILED',
    'The stored config remembers a GitLab deploy token in a form that cannot be read.',
    'Delete old deploy tokens whose name begins with ecs-pull-auth/ in GitLab by hand.',
  )
}
